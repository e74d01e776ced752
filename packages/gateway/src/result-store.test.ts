import { minutes, seconds } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { ResultStore, type ResultStoreOptions } from "./result-store.ts";

function store(options: Partial<ResultStoreOptions> = {}) {
  const clock = new TestClock();
  const results = new ResultStore(
    { maxBytes: 100, maxFiles: 10, keepFor: minutes(1), ...options },
    { clock, randomness: seededRandomness(1) },
  );
  return { clock, results };
}

const file = (length: number) => ({ bytes: new Uint8Array(length), contentType: "image/png" });

test("a file is found under its name until its time is up", async () => {
  const { clock, results } = store();
  const name = results.put(file(10));
  expect(name).toMatch(/^[0-9a-f]{32}\.png$/);
  expect(results.find(name)?.bytes).toHaveLength(10);
  await clock.advance(seconds(59));
  expect(results.find(name)).toBeDefined();
  await clock.advance(seconds(1));
  expect(results.find(name)).toBeUndefined();
  expect(results.bytes).toBe(0);
});

test("the oldest files make room for new ones", () => {
  const { results } = store();
  const names = [40, 40, 40].map((length) => results.put(file(length)));
  expect(names.map((name) => results.find(name) !== undefined)).toEqual([false, true, true]);
  expect(results.bytes).toBe(80);
});

test("no more files are kept than allowed", () => {
  const { results } = store({ maxFiles: 2 });
  for (let i = 0; i < 5; i += 1) results.put(file(1));
  expect(results.files).toBe(2);
});

test("a file larger than the store is not kept", () => {
  const { results } = store();
  expect(results.find(results.put(file(101)))).toBeUndefined();
  expect(results.bytes).toBe(0);
});
