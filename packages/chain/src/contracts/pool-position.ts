import { type Address, ZERO_ADDRESS } from "@rivulet/crypto";
import type { Endpoints } from "../rpc/endpoints.ts";
import type { bondingManagerAbi } from "./abi.ts";
import type { Contract } from "./call.ts";
import { readPool } from "./pool-walk.ts";

/** A member of the pool with its stake in units of 1e-18 LPT. */
interface Standing {
  readonly address: Address;
  readonly stake: bigint;
}

/** Whom an account will stand between in the pool; the zero address where there is nobody. */
export interface PoolPosition {
  readonly previous: Address;
  readonly next: Address;
}

/**
 * Where `account` will stand with `stake`: behind all who have as much. In a pool that is full the last one makes room for
 * somebody new. Source: payments 10.6.
 */
export function poolPosition(
  pool: readonly Standing[],
  account: Address,
  stake: bigint,
  maxSize = Number.POSITIVE_INFINITY,
): PoolPosition {
  const isNew = pool.every((member) => member.address !== account);
  const others = pool
    .filter((member) => member.address !== account)
    .sort((a, b) => (a.stake < b.stake ? 1 : a.stake > b.stake ? -1 : 0));
  if (isNew && others.length >= maxSize) others.pop();
  const found = others.findIndex((other) => other.stake < stake);
  const index = found < 0 ? others.length : found;
  return { previous: others[index - 1]?.address ?? ZERO_ADDRESS, next: others[index]?.address ?? ZERO_ADDRESS };
}

/**
 * The position after `change` of the account's stake, from what the contract says now: with it the contract need not look for
 * the place, which is dear in a pool of a hundred. A position that is wrong by the time it arrives costs that gas and no more.
 */
export async function readPoolPosition(
  bonding: Contract<typeof bondingManagerAbi>,
  endpoints: Endpoints,
  account: Address,
  change: bigint,
  signal?: AbortSignal,
): Promise<PoolPosition> {
  const members = await readPool(bonding, endpoints, "latest", signal);
  const [own, maxSize, stakes] = await Promise.all([
    endpoints.request(bonding.read("transcoderTotalStake", [account]), signal),
    endpoints.request(bonding.read("getTranscoderPoolMaxSize", []), signal),
    endpoints.batch(
      members.map((member) => bonding.read("transcoderTotalStake", [member])),
      signal,
    ),
  ]);
  const pool = members.map((address, index) => ({ address, stake: stakes[index] ?? 0n }));
  return poolPosition(pool, account, own + change, Number(maxSize));
}
