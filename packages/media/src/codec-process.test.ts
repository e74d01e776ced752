import { spawn } from "node:child_process";
import { isOutOfMemory } from "@rivulet/primitives";
import { expect, test } from "vitest";
import { CodecFailed, CodecMissing, watchCodec } from "./codec-process.ts";

async function failureOf(program: string): Promise<unknown> {
  using codec = watchCodec("decoder", spawn(process.execPath, ["--eval", program]), new AbortController().signal);
  return await codec.succeeded().then(
    () => undefined,
    (error: unknown) => error,
  );
}

test("a codec that says why, or crashes, failed of what it was given", async () => {
  expect(await failureOf("throw new Error('no key frame')")).toEqual(new CodecFailed("no key frame"));
  expect(await failureOf("process.kill(process.pid, 'SIGSEGV')")).toBeInstanceOf(CodecFailed);
  expect(await failureOf("process.exit(69)")).toBeInstanceOf(CodecMissing);
  expect(await failureOf("")).toBeUndefined();
});

test("a codec that ends for want of memory did not fail of what it was given", async () => {
  for (const program of ["process.kill(process.pid, 'SIGKILL')", "throw new Error('std::bad_alloc')"]) {
    const failure = await failureOf(program);
    expect(failure).not.toBeInstanceOf(CodecFailed);
    expect(isOutOfMemory(failure)).toBe(true);
  }
});
