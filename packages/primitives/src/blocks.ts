import type { Branded } from "./brand.ts";

/** The number by which contracts tell time. On Arbitrum it is the parent chain's, elsewhere the chain's own. */
export type L1BlockNumber = Branded<bigint, "L1BlockNumber">;
/** The number under which this chain keeps its logs and receipts. */
export type L2BlockNumber = Branded<bigint, "L2BlockNumber">;
/** The network's day: stake, pool and reserves hold for one round of some thousand L1 blocks. */
export type Round = Branded<bigint, "Round">;

/** Throws `RangeError` below zero. */
export function l1BlockNumber(value: bigint): L1BlockNumber {
  return natural(value) as L1BlockNumber;
}

/** Throws `RangeError` below zero. */
export function l2BlockNumber(value: bigint): L2BlockNumber {
  return natural(value) as L2BlockNumber;
}

/** Throws `RangeError` below zero. */
export function round(value: bigint): Round {
  return natural(value) as Round;
}

function natural(value: bigint): bigint {
  if (value < 0n) throw new RangeError(`neither blocks nor rounds are negative: ${value}`);
  return value;
}
