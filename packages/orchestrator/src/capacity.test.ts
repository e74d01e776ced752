import { textToImage } from "@rivulet/pipelines";
import { expect, test } from "vitest";
import { Capacity } from "./capacity.ts";

const a = { pipeline: textToImage, model: "a" };
const b = { pipeline: textToImage, model: "b" };

test("slots of one model do not serve another", () => {
  const capacity = new Capacity();
  capacity.set([{ ...a, slots: 1 }]);
  expect(capacity.tryAcquire(b)).toBeUndefined();
  expect(capacity.tryAcquire(a)).toBeDefined();
  expect(capacity.tryAcquire(a)).toBeUndefined();
});

test("a lease that is given back twice counts once", () => {
  const capacity = new Capacity();
  capacity.set([{ ...a, slots: 2 }]);
  const lease = capacity.tryAcquire(a);
  capacity.tryAcquire(a);
  lease?.release();
  lease?.release();
  expect([capacity.free(a), capacity.used]).toEqual([1, 1]);
});

test("leases that are out are remembered when the slots change", () => {
  const capacity = new Capacity();
  capacity.set([{ ...a, slots: 2 }]);
  const leases = [capacity.tryAcquire(a), capacity.tryAcquire(a)];
  capacity.set([{ ...a, slots: 1 }]);
  expect(capacity.free(a)).toBe(0);
  leases[0]?.release();
  expect(capacity.free(a)).toBe(0);
  leases[1]?.release();
  expect(capacity.free(a)).toBe(1);
  capacity.set([]);
  expect(capacity.free(a)).toBe(0);
});
