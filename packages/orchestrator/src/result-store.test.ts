import { minutes, ms } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { ResultStore, type ResultStoreOptions } from "./result-store.ts";

const file = (size = 10) => ({ bytes: new Uint8Array(size), contentType: "image/png" });

function open(options: ResultStoreOptions = {}) {
  const clock = new TestClock();
  return { clock, store: new ResultStore(options, { clock, randomness: seededRandomness(1) }) };
}

test("a file is found under its path and under no other", () => {
  const { store } = open();
  const path = store.put("r", file());
  expect(path).toMatch(/^r\/[0-9a-f]{32}\.png$/);
  expect(store.find(path)?.contentType).toBe("image/png");
  for (const wrong of ["", "r", "r/", "r/x", path.slice(2), `s/${path.slice(2)}`, "__proto__/x"])
    expect(store.find(wrong)).toBeUndefined();
});

test("a request keeps its latest files", () => {
  const { store } = open({ filesPerRequest: 2 });
  const paths = [store.put("r", file()), store.put("r", file()), store.put("r", file())];
  expect(paths.map((path) => store.find(path) !== undefined)).toEqual([false, true, true]);
  expect(store.bytes).toBe(20);
});

test("when bytes run out the oldest request goes, never the newest", () => {
  const { store } = open({ maxBytes: 25 });
  const paths = ["a", "b", "c"].map((request) => store.put(request, file()));
  expect(paths.map((path) => store.find(path) !== undefined)).toEqual([false, true, true]);
  const large = store.put("d", file(100));
  expect(store.find(large)).toBeDefined();
  expect(store.bytes).toBe(100);
});

test("when requests run out the oldest goes", () => {
  const { store } = open({ maxRequests: 2 });
  const paths = ["a", "b", "c"].map((request) => store.put(request, file()));
  expect(paths.map((path) => store.find(path) !== undefined)).toEqual([false, true, true]);
});

test("files end ten minutes after their request began", async () => {
  const { store, clock } = open();
  const path = store.put("r", file());
  await clock.advance(ms(minutes(10) - 1));
  expect(store.find(path)).toBeDefined();
  await clock.advance(ms(1));
  expect(store.find(path)).toBeUndefined();
  store.sweep();
  expect(store.bytes).toBe(0);
});

test("a file that is removed gives its bytes back, once", () => {
  const { store } = open();
  const path = store.put("r", file());
  store.remove(path);
  store.remove(path);
  expect(store.bytes).toBe(0);
});
