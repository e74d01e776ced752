import { ms } from "@rivulet/primitives";
import { expect, test, vi } from "vitest";
import { secureRandomness, systemClock } from "./system.ts";

test("a sleep ends after its time, and leaves nothing behind", async () => {
  vi.useFakeTimers();
  const caller = new AbortController();
  const slept = vi.fn();
  const sleep = systemClock.sleep(ms(1000), caller.signal).then(slept);
  await vi.advanceTimersByTimeAsync(999);
  expect(slept).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  await sleep;
  caller.abort();
  vi.useRealTimers();
});

test("a sleep that is called off rejects with the reason at once, before or during it", async () => {
  vi.useFakeTimers();
  const reason = new Error("enough");
  const caller = new AbortController();
  const sleep = systemClock.sleep(ms(1000), caller.signal);
  caller.abort(reason);
  await expect(sleep).rejects.toBe(reason);
  await expect(systemClock.sleep(ms(1000), caller.signal)).rejects.toBe(reason);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

test("chance is uniform in [0, 1)", () => {
  const numbers = Array.from({ length: 2000 }, () => secureRandomness.uniform());
  expect(numbers.every((n) => n >= 0 && n < 1)).toBe(true);
  expect(numbers.reduce((sum, n) => sum + n, 0) / numbers.length).toBeCloseTo(0.5, 1);
});

test("bytes of chance are as many as were asked for, and never handed out twice", () => {
  for (const length of [0, 1, 16, 64, 65, 5000]) expect(secureRandomness.bytes(length)).toHaveLength(length);
  const names = Array.from({ length: 2000 }, () => Buffer.from(secureRandomness.bytes(16)).toString("hex"));
  expect(new Set(names).size).toBe(names.length);
});

test("an alarm rings once after its time, and never when it was disposed before", () => {
  vi.useFakeTimers();
  const [ring, silenced] = [vi.fn(), vi.fn()];
  systemClock.alarm(ms(1000), ring);
  systemClock.alarm(ms(1000), silenced)[Symbol.dispose]();
  vi.advanceTimersByTime(5000);
  expect(ring).toHaveBeenCalledOnce();
  expect(silenced).not.toHaveBeenCalled();
  vi.useRealTimers();
});
