import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_CHARACTERS, type WriteNumbers, writeFloats, writeSigns } from "./number-text.ts";

function written(write: WriteNumbers, ...numbers: number[]): string {
  const bytes = Buffer.alloc(numbers.length * MAX_CHARACTERS + 3, "#");
  const end = write(Float32Array.from(numbers), new DataView(bytes.buffer, bytes.byteOffset + 3), 0);
  return bytes.toString("ascii", 3, end + 3);
}

const readAgain = (text: string) => Float32Array.from(JSON.parse(`[${text.slice(0, -1)}]`));

describe("logits", () => {
  const float = fc.float({ noNaN: true, noDefaultInfinity: true });

  test("are read again as the same numbers", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            float,
            fc.float({ min: -32, max: 32, noNaN: true }),
            fc.float({ min: -1 / 8, max: 1 / 8, noNaN: true }),
          ),
        ),
        (numbers) => {
          expect(readAgain(written(writeFloats, ...numbers))).toEqual(
            Float32Array.from(numbers, (number) => number + 0),
          );
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("are read again as the same numbers next to every power of two, from where decimals change and beyond", () => {
    const bits = new DataView(new ArrayBuffer(4));
    const beside = (power: number, steps: number) => {
      bits.setFloat32(0, 2 ** power);
      bits.setUint32(0, bits.getUint32(0) + steps);
      return bits.getFloat32(0);
    };
    for (let power = -126; power < 128; power++)
      for (let steps = -40; steps <= 40; steps++) {
        const number = beside(power, steps);
        expect(readAgain(written(writeFloats, -number))).toEqual(Float32Array.of(-number));
      }
  });

  test("have the decimals that they need", () => {
    expect(written(writeFloats, 0, 1, -12.5, 0.125, -0.75, 0.001, 100.1)).toBe(
      "0.00000000,1.0000000,-12.5000000,0.12500000,-0.75000000,0.0010000000,100.0999985,",
    );
  });

  test("that are tiny or huge are written the engine's way", () => {
    expect(written(writeFloats, 2 ** -126, -(2 ** -20), 2 ** 100)).toBe(
      "1.17549435e-38,-9.53674316e-7,1.26765060e+30,",
    );
  });
});

test("what lies in a mask is above nought", () => {
  expect(written(writeSigns, 1e-30, 0, -5, 7)).toBe("1.0,0.0,0.0,1.0,");
});
