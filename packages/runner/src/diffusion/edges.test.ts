import fc from "fast-check";
import { expect, test } from "vitest";
import { grownToMultiples, sidesOf, topLeft, topLeftOf } from "./edges.ts";

const side = fc.integer({ min: 1, max: 9 });

test("what is grown repeats the nearest point, and its top left is what it was", () => {
  fc.assert(
    fc.property(side, side, side, fc.integer({ min: 1, max: 3 }), (height, width, step, count) => {
      const planes = {
        data: Float32Array.from({ length: count * height * width }, (_, index) => index),
        dims: [1, count, height, width],
      };
      const grown = grownToMultiples(planes, step);
      const [high, wide] = sidesOf(grown);
      expect([high % step, wide % step, high - height < step, wide - width < step]).toEqual([0, 0, true, true]);
      const nearest = Array.from({ length: count * high * wide }, (_, at) => {
        const [plane, y, x] = [Math.floor(at / (high * wide)), Math.floor(at / wide) % high, at % wide];
        return (plane * height + Math.min(y, height - 1)) * width + Math.min(x, width - 1);
      });
      expect([...grown.data]).toEqual(nearest);
      expect(topLeft(grown.data, [high, wide], [height, width])).toEqual(planes.data);
    }),
  );
});

test("the top left of a picture is as far right and down as it was asked for", () => {
  const data = Uint8Array.from({ length: 3 * 4 * 3 }, (_, index) => index);
  const picture = { width: 4, height: 3, data };
  const part = topLeftOf(picture, { width: 2, height: 2 });
  expect([part.width, part.height, [...part.data]]).toEqual([2, 2, [0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17]]);
  expect(topLeftOf(picture, picture)).toBe(picture);
});
