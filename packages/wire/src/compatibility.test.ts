import { describe, expect, test } from "vitest";
import { capacitiesOf, NO_CAPABILITIES } from "./capabilities.ts";
import { bitsOf } from "./capability-bits.ts";
import { isCompatible } from "./compatibility.ts";

const having = (...numbers: number[]) => ({ ...NO_CAPABILITIES, bits: bitsOf(numbers) });

describe("compatibility", () => {
  test("with one who says nothing is that with what was always there", () => {
    expect(isCompatible(having(0, 11), undefined)).toBe(true);
    expect(isCompatible(having(0, 12), undefined)).toBe(false);
    expect(isCompatible(undefined, having(0))).toBe(false);
  });

  test("asks the offering side's version, not the wanting one's", () => {
    const wanted = { ...having(), version: "0.1.0", minVersion: "0.9.0" };
    expect(isCompatible(wanted, { ...having(), version: "0.9.1", minVersion: "5.0.0" })).toBe(true);
    expect(isCompatible(wanted, { ...having(), version: "0.8.9" })).toBe(false);
    expect(isCompatible(wanted, { ...having(), version: "" })).toBe(false);
  });

  test("does not count capacities", () => {
    expect(isCompatible({ ...having(1), capacities: new Map([[1, 9]]) }, { ...having(1), capacities: new Map() })).toBe(
      true,
    );
  });
});

test("capacities that nobody told are one of each bit", () => {
  expect(capacitiesOf(having(3, 27))).toEqual(
    new Map([
      [3, 1],
      [27, 1],
    ]),
  );
  expect(capacitiesOf({ ...having(3), capacities: new Map([[27, 4]]) })).toEqual(new Map([[27, 4]]));
});
