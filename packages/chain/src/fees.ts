import { isError, RivuletError } from "@rivulet/primitives";
import { max, min } from "./bigints.ts";
import { latestBlock } from "./rpc/blocks.ts";
import { quantity, rpcCall } from "./rpc/call.ts";
import type { Endpoints } from "./rpc/endpoints.ts";

/** What a transaction offers for a unit of gas, in wei. */
export interface Fees {
  /** The most, all included. */
  readonly maxFeePerGas: bigint;
  /** Of it, what goes to whoever makes the block. */
  readonly maxPriorityFeePerGas: bigint;
}

/**
 * What to offer now: enough for the next blocks even if the base fee doubles, and at most `maxGasPrice`. Throws
 * "chain.gas-price-too-high" when gas costs more than that already. Source: payments-and-chain 9.5.
 */
export async function suggestFees(
  endpoints: Endpoints,
  maxGasPrice: bigint | undefined,
  signal: AbortSignal | undefined,
): Promise<Fees> {
  const [{ baseFee }, gasPrice] = await endpoints.batch([latestBlock(), rpcCall("eth_gasPrice", [], quantity)], signal);
  const tip = (await suggestedTip(endpoints, signal)) ?? max(0n, gasPrice - baseFee);
  const current = baseFee + tip;
  if (maxGasPrice !== undefined && current > maxGasPrice) {
    const reason = `${current} wei now, at most ${maxGasPrice} wei`;
    throw new RivuletError("chain.gas-price-too-high", { current: `${current}`, maximum: `${maxGasPrice}`, reason });
  }
  const generous = 2n * baseFee + tip;
  return {
    maxFeePerGas: maxGasPrice === undefined ? generous : min(generous, maxGasPrice),
    maxPriorityFeePerGas: tip,
  };
}

/**
 * What to offer for the same nonce once more: what is right now, and at least 11 % more than before, as nodes demand ten.
 * `undefined` when that could cost more than `maxGasPrice`.
 */
export function dearerFees(before: Fees, now: Fees, maxGasPrice: bigint | undefined): Fees | undefined {
  const least = raised(before.maxFeePerGas);
  const tip = max(raised(before.maxPriorityFeePerGas), now.maxPriorityFeePerGas);
  if (maxGasPrice === undefined) return { maxFeePerGas: max(least, now.maxFeePerGas), maxPriorityFeePerGas: tip };
  if (max(least, tip) > maxGasPrice) return undefined;
  return { maxFeePerGas: min(max(least, now.maxFeePerGas), maxGasPrice), maxPriorityFeePerGas: tip };
}

function raised(fee: bigint): bigint {
  return (fee * 111n + 99n) / 100n;
}

/** `undefined` where the endpoint does not know the question. */
async function suggestedTip(endpoints: Endpoints, signal: AbortSignal | undefined): Promise<bigint | undefined> {
  try {
    return await endpoints.request(rpcCall("eth_maxPriorityFeePerGas", [], quantity), signal);
  } catch (error) {
    if (isError(error, "chain.refused")) return undefined;
    throw error;
  }
}
