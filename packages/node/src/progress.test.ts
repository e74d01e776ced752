import { ms } from "@rivulet/primitives";
import { TestClock } from "@rivulet/testkit";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ProgressLines } from "./progress.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "clearTimeout", "clearInterval"] }));
afterEach(() => void vi.useRealTimers());

function screen(isTTY: boolean) {
  const lines: string[] = [];
  const clock = new TestClock();
  return { lines, clock, progress: new ProgressLines({ isTTY, write: (text) => lines.push(text) }, clock) };
}

test("a step that takes longer than a second is told, with the time it took", async () => {
  const { lines, clock, progress } = screen(false);
  const work = Promise.withResolvers<number>();
  const step = progress.step("loading", () => work.promise);
  await vi.advanceTimersByTimeAsync(1000);
  expect(lines).toEqual(["loading …\n"]);
  await clock.advance(ms(2500));
  work.resolve(7);
  expect(await step).toBe(7);
  expect(lines).toEqual(["loading …\n", "loading: 2.5 s\n"]);
});

test("a short step is not worth a line", async () => {
  const { lines, progress } = screen(false);
  await progress.step("short", async () => {});
  await vi.advanceTimersByTimeAsync(5000);
  expect(lines).toEqual([]);
});

test("a terminal's line is drawn again, with where the step stands", async () => {
  const { lines, progress } = screen(true);
  const work = Promise.withResolvers<void>();
  let left = 2;
  const step = progress.step(
    "loading",
    () => work.promise,
    () => `(${left} to go)`,
  );
  await vi.advanceTimersByTimeAsync(1000);
  left = 1;
  await vi.advanceTimersByTimeAsync(250);
  expect(lines.map((line) => line.includes("(2 to go)"))).toEqual([true, false]);
  work.reject(new Error("no"));
  await expect(step).rejects.toThrow("no");
  expect(lines.at(-1)).toBe("\n");
  expect(vi.getTimerCount()).toBe(0);
});
