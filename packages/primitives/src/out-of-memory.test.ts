import { expect, test } from "vitest";
import { isOutOfMemory } from "./out-of-memory.ts";

test.each([
  "Failed to allocate memory for requested buffer of size 536870912",
  "vips_image_write_to_memory: out of memory -- size == 102MB",
  "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
  "../glib/gprintf.c:351: failed to allocate memory",
  "terminate called after throwing an instance of 'std::bad_alloc'",
  "Array buffer allocation failed",
])("memory ran out where a library says: %s", (text) => {
  expect(isOutOfMemory(new Error(text))).toBe(true);
  expect(isOutOfMemory(text)).toBe(true);
});

test.each(["Invalid array length", "vips2png: unable to write to target", "tensor of the wrong shape", undefined])(
  "it did not where it says: %s",
  (text) => expect(isOutOfMemory(text)).toBe(false),
);
