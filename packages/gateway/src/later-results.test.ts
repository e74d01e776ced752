import { requestId, seconds } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { LaterResults } from "./later-results.ts";
import { ResultStore } from "./result-store.ts";

function results(maxBytes = 1000) {
  const clock = new TestClock();
  const randomness = seededRandomness(1);
  const store = new ResultStore({ maxBytes, maxFiles: 100, keepFor: seconds(60) }, { clock, randomness });
  return { later: new LaterResults(store), store, clock, id: () => requestId(randomness) };
}

test("a job is under way until it is done, and then what came of it", () => {
  const { later, id } = results();
  const job = id();
  later.begin(job);
  expect(later.find(job)).toEqual({ kind: "processing" });
  later.complete(job, { images: [] }, { "x-units": "7" });
  const result = later.find(job);
  expect(result?.kind === "complete" && [JSON.parse(Buffer.from(result.body).toString()), result.headers]).toEqual([
    { status: "complete", result: { images: [] } },
    { "x-units": "7" },
  ]);
});

test.each(["", "0", "__proto__", "constructor"])("no job has the name %j", (name) => {
  const { later, id } = results();
  later.begin(id());
  expect(later.find(name)).toBeUndefined();
});

test("a result is kept as long as files are, and makes room as they do", async () => {
  const { later, clock, id } = results(100);
  const [first, second] = [id(), id()];
  later.begin(first);
  later.complete(first, "x".repeat(60), {});
  later.begin(second);
  later.complete(second, "y".repeat(60), {});
  expect([later.find(first), later.find(second)?.kind]).toEqual([undefined, "complete"]);
  await clock.advance(seconds(61));
  expect(later.find(second)).toBeUndefined();
});

test("jobs that are done make room for others, jobs under way do not", () => {
  const { later, id } = results();
  const first = id();
  later.begin(first);
  later.complete(first, "x", {});
  for (let job = 1; job < 10_000; job++) later.begin(id());
  const last = id();
  later.begin(last);
  expect([later.find(first), later.find(last)?.kind]).toEqual([undefined, "processing"]);
  expect(() => later.begin(id())).toThrow(expect.objectContaining({ code: "node.overloaded" }));
});
