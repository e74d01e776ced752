import { Rational } from "@rivulet/primitives";
import { expect, test } from "vitest";
import { chargeHeaders, chargeOf, chargeTrailer } from "./charge-headers.ts";

const charge = { units: 262_144n, price: Rational.of(1n, 3n), cost: Rational.of(262_144n, 3n) };

test("a charge survives the way through headers, to the fraction of a wei", () => {
  expect(chargeHeaders(charge)).toEqual({ "x-units": "262144", "x-price-wei": "1/3", "x-cost-wei": "262144/3" });
  expect(chargeOf(chargeHeaders(charge))).toEqual(charge);
});

test.each([
  ["nothing", {}],
  ["a cost that is not the product", { ...chargeHeaders(charge), "x-cost-wei": "1" }],
  ["half a unit", { "x-units": "1/2", "x-price-wei": "2", "x-cost-wei": "1" }],
  ["a negative price", { "x-units": "1", "x-price-wei": "-2", "x-cost-wei": "-2" }],
  ["a price per nothing", { "x-units": "1", "x-price-wei": "2/0", "x-cost-wei": "2" }],
  ["a novel", { "x-units": "1", "x-price-wei": "1".repeat(2000), "x-cost-wei": "1".repeat(2000) }],
])("%s is no charge", (_what, headers) => {
  expect(chargeOf(headers)).toBeUndefined();
});

test("trailers are announced to those who can read them", () => {
  expect(chargeTrailer({ httpVersion: "2.0" })).toEqual({ trailer: "x-units, x-price-wei, x-cost-wei" });
  expect(chargeTrailer({ httpVersion: "1.0" })).toBeUndefined();
});
