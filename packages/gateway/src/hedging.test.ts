import { type Pipeline, textToImage } from "@rivulet/pipelines";
import { ms, RivuletError } from "@rivulet/primitives";
import { TestClock, turn } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { Hedging, hedged } from "./hedging.ts";
import type { PreparedJob } from "./prepared-job.ts";

const jobOf = (side: number) =>
  ({
    pipeline: textToImage as unknown as Pipeline,
    model: "m",
    request: { model_id: "m", num_inference_steps: 2 },
    work: { unit: "pixel", amount: BigInt(side * side) },
  }) as unknown as PreparedJob;
const job = jobOf(64);
const never = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
const signal = () => new AbortController().signal;

test("nothing is due until twenty jobs have been seen; then the 95th percentile is", () => {
  const hedging = new Hedging();
  for (let i = 1; i < 20; i += 1) hedging.note(job, ms(i));
  expect(hedging.after(job)).toBeUndefined();
  hedging.note(job, ms(20));
  expect(hedging.after(job)).toBeCloseTo(19);
  expect(hedging.after(jobOf(128))).toBeCloseTo(19 * 4);
});

test("a fast first attempt is alone", async () => {
  let seconds = 0;
  const answer = await hedged(
    async () => "first",
    async () => {
      seconds += 1;
      return "second";
    },
    never,
    signal(),
  );
  expect([answer, seconds]).toEqual(["first", 0]);
});

test("the second wins over a slow first, which is aborted", async () => {
  const clock = new TestClock();
  let aborted: unknown;
  const racing = hedged(
    (given) =>
      never(given).catch((reason) => {
        aborted = reason;
        throw reason;
      }),
    async () => "second",
    (given) => clock.sleep(ms(10), given),
    signal(),
  );
  await clock.advance(ms(10));
  expect(await racing).toBe("second");
  expect(aborted).toMatchObject({ code: "request.cancelled" });
  expect(clock.sleeping).toBe(0);
});

test("a race that was over before it began ends at once, also when no second is ever due", async () => {
  const gone = new RivuletError("request.cancelled", {});
  const first = async (given: AbortSignal) => given.throwIfAborted();
  const due = new Hedging().delay(job, new TestClock());
  await expect(hedged(first, first, due, AbortSignal.abort(gone))).rejects.toBe(gone);
});

test("when the second fails the first still counts; when both fail the first's error does", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const racing = hedged(
    () => promise,
    () => Promise.reject(new Error("second")),
    () => Promise.resolve(),
    signal(),
  );
  await turn();
  resolve("first");
  expect(await racing).toBe("first");
  const failing = (name: string) => () => Promise.reject(new Error(name));
  await expect(hedged(failing("first"), failing("second"), never, signal())).rejects.toThrow("first");
});
