import type { Rgb8 } from "@rivulet/media";
import fc from "fast-check";
import { expect, test } from "vitest";
import { vectors } from "../../test/vectors.ts";
import { bicubic, bilinear, type Kernel, lanczos, resized, resizedPart } from "./resample.ts";

interface Resize {
  readonly name: string;
  readonly input: {
    readonly width: number;
    readonly height: number;
    readonly data: readonly number[];
    readonly toWidth: number;
    readonly toHeight: number;
  };
  readonly expected: readonly number[];
}

const { cases, tolerance } = vectors<Resize>("resize-bicubic");
test.each(cases)("an image is resized as the reference's library does it: $name", ({ input, expected }) => {
  const image = { ...input, data: Uint8Array.from(input.data) };
  const { data, width, height } = resized(image, input.toWidth, input.toHeight, bicubic);
  expect([width, height]).toEqual([input.toWidth, input.toHeight]);
  const apart = Array.from(data, (value, index) => Math.abs(value - (expected[index] ?? -1000)));
  expect(Math.max(...apart)).toBeLessThanOrEqual(tolerance);
});

/** One output of one channel after the other, each from all inputs. */
function plainlyResized({ width, height, data }: Rgb8, toWidth: number, toHeight: number, kernel: Kernel): number[] {
  const along = (line: readonly number[], outputs: number) =>
    Array.from({ length: outputs }, (_, output) => {
      const scale = line.length / outputs;
      const stretch = Math.max(1, scale);
      const centre = (output + 0.5) * scale;
      const reaches = (input: number) =>
        input >= Math.trunc(centre - kernel.reach * stretch + 0.5) &&
        input < Math.trunc(centre + kernel.reach * stretch + 0.5);
      const weights = line.map((_, input) => (reaches(input) ? kernel.weight((input + 0.5 - centre) / stretch) : 0));
      const all = weights.reduce((sum, weight) => sum + weight, 0);
      const units = weights.map(
        (weight) => Math.sign(weight / all) * Math.floor(Math.abs(weight / all) * 2 ** 22 + 0.5),
      );
      const sum = line.reduce((total, sample, input) => total + sample * (units[input] ?? 0), 2 ** 21);
      return Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22)));
    });
  const indices = (length: number) => Array.from({ length }, (_, index) => index);
  const channels = indices(3).map((channel) => {
    const rows = indices(height).map((y) => indices(width).map((x) => data[(y * width + x) * 3 + channel] ?? 0));
    const wide = rows.map((row) => (width === toWidth ? row : along(row, toWidth)));
    const columns = indices(toWidth).map((x) => wide.map((row) => row[x] ?? 0));
    return columns.map((column) => (height === toHeight ? column : along(column, toHeight)));
  });
  return indices(toHeight).flatMap((y) =>
    indices(toWidth).flatMap((x) => channels.map((columns) => columns[x]?.[y] ?? -1)),
  );
}

test.each(Object.entries({ bicubic, bilinear, lanczos }))("%s weighs every sample in its reach", (_name, kernel) => {
  const side = fc.integer({ min: 1, max: 24 });
  const bytes = fc.uint8Array({ minLength: 24 * 24 * 3, maxLength: 24 * 24 * 3 });
  fc.assert(
    fc.property(side, side, side, side, bytes, (width, height, toWidth, toHeight, data) => {
      const image = { width, height, data: data.subarray(0, width * height * 3) };
      const found = resized(image, toWidth, toHeight, kernel);
      expect([...found.data]).toEqual(plainlyResized(image, toWidth, toHeight, kernel));
    }),
  );
});

test("the sharpest edges at the narrowest places do not overflow", () => {
  const data = Uint8Array.from({ length: 64 * 3 }, (_, i) => (i % 2 === 0 ? 255 : 0));
  for (const toWidth of [1, 3, 63, 65, 200]) {
    const image = { width: 64, height: 1, data };
    expect([...resized(image, toWidth, 1, lanczos).data]).toEqual(plainlyResized(image, toWidth, 1, lanczos));
  }
});

test("a part of a resized image is what it is in the whole", () => {
  const side = fc.integer({ min: 1, max: 12 });
  fc.assert(
    fc.property(side, side, side, side, fc.gen(), (width, height, toWidth, toHeight, draw) => {
      const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 89) & 255);
      const [left, top] = [draw(fc.nat, { max: toWidth - 1 }), draw(fc.nat, { max: toHeight - 1 })];
      const part = { left, top, width: toWidth - left, height: toHeight - top };
      const whole = resized({ width, height, data }, toWidth, toHeight, lanczos);
      const found = resizedPart({ width, height, data }, { width: toWidth, height: toHeight }, part, lanczos);
      const rows = Array.from({ length: part.height }, (_, y) => {
        const begin = ((top + y) * toWidth + left) * 3;
        return [...whole.data.subarray(begin, begin + part.width * 3)];
      });
      // The very same size is the image itself, which is what it is resized to as well.
      expect([...found.data]).toEqual(rows.flat());
    }),
  );
});
