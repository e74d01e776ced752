import fc from "fast-check";
import { expect, test } from "vitest";
import { pixelsOf, planesOf } from "./pixels.ts";

const side = fc.integer({ min: 1, max: 9 });

test("planes of a picture have its colours one after the other, and make the same picture again", () => {
  fc.assert(
    fc.property(side, side, fc.infiniteStream(fc.nat(255)), (width, height, bytes) => {
      const area = width * height;
      const data = Uint8Array.from(bytes.take(3 * area));
      const planes = planesOf({ width, height, data });
      const plainly = [0, 1, 2].flatMap((c) =>
        Array.from({ length: area }, (_, i) => (data[3 * i + c] ?? 0) / 127.5 - 1),
      );
      for (const [index, value] of planes.entries()) expect(value).toBeCloseTo(plainly[index] ?? Number.NaN, 6);
      expect(pixelsOf(planes, area)).toEqual(data);
    }),
  );
});

test("numbers beyond what a picture has become its darkest and brightest, halves even", () => {
  expect([...pixelsOf(Float32Array.of(-3, 3, 0), 1)]).toEqual([0, 255, 128]);
});

test("a picture with a number that is none is refused", () => {
  const planes = new Float32Array(12);
  planes[7] = Number.NaN;
  expect(() => pixelsOf(planes, 4)).toThrow(expect.objectContaining({ code: "runner.failed" }));
});
