import { type Address, address, ZERO_ADDRESS } from "@rivulet/crypto";
import { expect, test } from "vitest";
import { poolPosition } from "./pool-position.ts";

const named = (digit: string): Address => address(`0x${digit.repeat(40)}`);
const [a, b, c, d] = [named("a"), named("b"), named("c"), named("d")] as const;
const pool = [
  { address: a, stake: 30n },
  { address: b, stake: 20n },
  { address: c, stake: 10n },
];

test.each([
  ["first", 31n, ZERO_ADDRESS, a],
  ["behind who has as much", 30n, a, b],
  ["in between", 15n, b, c],
  ["last", 1n, c, ZERO_ADDRESS],
])("somebody new comes %s", (_where, stake, previous, next) => {
  expect(poolPosition(pool, d, stake)).toEqual({ previous, next });
});

test("a member is not its own neighbour", () => {
  expect(poolPosition(pool, b, 25n)).toEqual({ previous: a, next: c });
  expect(poolPosition(pool, b, 5n)).toEqual({ previous: c, next: ZERO_ADDRESS });
  expect(poolPosition([{ address: a, stake: 1n }], a, 9n)).toEqual({ previous: ZERO_ADDRESS, next: ZERO_ADDRESS });
});

test("whoever makes room in a full pool is nobody's neighbour", () => {
  expect(poolPosition(pool, d, 15n, 3)).toEqual({ previous: b, next: ZERO_ADDRESS });
  expect(poolPosition(pool, b, 25n, 3)).toEqual({ previous: a, next: c });
});
