import fc from "fast-check";
import { expect, test } from "vitest";
import { Heap } from "./heap.ts";

interface Entry {
  readonly key: number;
}

const before = (a: Entry, b: Entry) => a.key < b.key;

test("items come out in order, whatever was taken out in between", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ key: fc.integer(), stays: fc.boolean() })), (entries) => {
      const heap = new Heap<{ key: number; stays: boolean }>(before);
      for (const entry of entries) heap.push(entry);
      for (const entry of entries) if (!entry.stays) expect(heap.remove(entry)).toBe(true);
      const out: number[] = [];
      for (let item = heap.pop(); item !== undefined; item = heap.pop()) out.push(item.key);
      expect(out).toEqual(
        entries
          .filter(({ stays }) => stays)
          .map(({ key }) => key)
          .sort((a, b) => a - b),
      );
    }),
  );
});

test("the first wanted item is found in order and everything stays inside", () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.integer(), (keys, least) => {
      const heap = new Heap<Entry>(before);
      for (const key of keys) heap.push({ key });
      const wanted = keys.filter((key) => key >= least).sort((a, b) => a - b)[0];
      expect(heap.find(({ key }) => key >= least)?.key).toBe(wanted);
      expect(heap.size).toBe(keys.length);
    }),
  );
});

test("an item is inside at most once", () => {
  const heap = new Heap<Entry>(before);
  const entry = { key: 1 };
  heap.push(entry);
  heap.push(entry);
  expect(heap.size).toBe(1);
  expect(heap.remove(entry)).toBe(true);
  expect(heap.remove(entry)).toBe(false);
  expect(heap.has(entry)).toBe(false);
});
