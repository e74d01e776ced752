import { ms, RivuletError, seconds } from "@rivulet/primitives";
import { TestClock } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { Setbacks } from "./setbacks.ts";

const error = new RivuletError("runner.crashed", { reason: "signal SIGKILL" });

test("failures in a row are answered with pauses that double up to a minute", () => {
  const setbacks = new Setbacks(new TestClock());
  const pauses = Array.from({ length: 8 }, () => setbacks.note("load", error));
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((length) => seconds(length)));
});

test("a first crash costs nothing, and a success of its kind takes it back", async () => {
  const clock = new TestClock();
  const setbacks = new Setbacks(clock);
  expect(setbacks.note("run", error)).toBe(0);
  expect([setbacks.isPausing, setbacks.error]).toEqual([false, error]);
  expect(setbacks.note("run", error)).toBe(seconds(2));
  expect(setbacks.isPausing).toBe(true);
  await clock.advance(ms(2000));
  expect(setbacks.isPausing).toBe(false);
  setbacks.recover("load");
  expect(setbacks.error).toBe(error);
  setbacks.recover("run");
  expect(setbacks.error).toBeUndefined();
  expect(setbacks.note("run", error)).toBe(0);
});
