import { expect, test } from "vitest";
import { partOfPlanes } from "./planes.ts";

test("of planes, a part is what lies in it, plane by plane", () => {
  const size = { width: 7, height: 5 };
  const planes = Float32Array.from({ length: 2 * 7 * 5 }, (_, i) => i);
  const part = partOfPlanes(planes, size, { left: 3, top: 1, width: 2, height: 3 });
  expect([...part]).toEqual([10, 11, 17, 18, 24, 25, 45, 46, 52, 53, 59, 60]);
  expect(partOfPlanes(planes, size, { left: 0, top: 0, ...size })).toEqual(planes);
});
