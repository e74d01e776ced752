import fc from "fast-check";
import { expect, test } from "vitest";
import { Fourier } from "./fourier.ts";

/** The definition, term by term. */
function plainly(real: Float64Array, imaginary: Float64Array) {
  const { length } = real;
  const re = new Float64Array(length);
  const im = new Float64Array(length);
  for (let k = 0; k < length; k++)
    for (let n = 0; n < length; n++) {
      const angle = (-2 * Math.PI * ((k * n) % length)) / length;
      re[k] = (re[k] ?? 0) + (real[n] ?? 0) * Math.cos(angle) - (imaginary[n] ?? 0) * Math.sin(angle);
      im[k] = (im[k] ?? 0) + (real[n] ?? 0) * Math.sin(angle) + (imaginary[n] ?? 0) * Math.cos(angle);
    }
  return { re, im };
}

test.each([1, 4, 5, 16, 20, 25, 64, 80, 100, 125, 400, 500])(
  "a transform of %i is what its definition says",
  (length) => {
    const fourier = new Fourier(length);
    const number = fc.double({ min: -1, max: 1, noNaN: true });
    const numbers = fc.array(number, { minLength: length, maxLength: length }).map((list) => Float64Array.from(list));
    fc.assert(
      fc.property(numbers, numbers, (real, imaginary) => {
        const { re, im } = plainly(real, imaginary);
        fourier.transform(real, imaginary);
        for (let k = 0; k < length; k++) {
          expect(Math.abs((real[k] ?? 9) - (re[k] ?? 0))).toBeLessThan(1e-11);
          expect(Math.abs((imaginary[k] ?? 9) - (im[k] ?? 0))).toBeLessThan(1e-11);
        }
      }),
      { numRuns: 5 },
    );
  },
);

test.each([0, 2, 3, 8, 401, 1.5, -4, Number.NaN])("a length of %d is refused", (length) => {
  expect(() => new Fourier(length)).toThrow(RangeError);
});
