import { RivuletError } from "@rivulet/primitives";
import { hexToBigInt, isHex } from "viem";
import type { Hex } from "../hex.ts";

/** One question to an endpoint, and how its answer is read. `parse` throws `TypeError` for what is no such answer. */
export interface RpcCall<T> {
  readonly method: string;
  readonly params: readonly unknown[];
  parse(result: unknown): T;
}

/** What a list of calls answers, each in its place. */
export type RpcAnswers<Calls extends readonly RpcCall<unknown>[]> = {
  -readonly [K in keyof Calls]: Calls[K] extends RpcCall<infer T> ? T : never;
};

export function rpcCall<T>(method: string, params: readonly unknown[], parse: (result: unknown) => T): RpcCall<T> {
  return { method, params, parse };
}

/** Reads a call's result. Throws "peer.protocol" when it cannot be one, and what reading it means otherwise. */
export function readAnswer<T>(call: RpcCall<T>, result: unknown): T {
  try {
    return call.parse(result);
  } catch (cause) {
    if (cause instanceof RivuletError) throw cause;
    throw new RivuletError("peer.protocol", { reason: `the answer to ${call.method} cannot be read` }, { cause });
  }
}

/** Reads a number as JSON-RPC writes it: hex with no leading zeros. */
export function quantity(value: unknown): bigint {
  if (typeof value !== "string" || !/^0x[0-9a-f]{1,64}$/i.test(value)) throw new TypeError("not a quantity");
  return hexToBigInt(value as Hex);
}

/** Reads bytes as JSON-RPC writes them. */
export function hexData(value: unknown): Hex {
  if (!isHex(value, { strict: true }) || value.length % 2 !== 0) throw new TypeError("not bytes");
  return value;
}

/** Reads 32 bytes, in lower case: equal hashes are equal texts. */
export function hash32(value: unknown): Hex {
  const data = hexData(value);
  if (data.length !== 66) throw new TypeError("not a hash");
  return data.toLowerCase() as Hex;
}

/** Reads an object. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TypeError("not an object");
  return value as Record<string, unknown>;
}

/** Reads a list of whatever `parse` reads. */
export function list<T>(parse: (item: unknown) => T): (value: unknown) => readonly T[] {
  return (value) => {
    if (!Array.isArray(value)) throw new TypeError("not a list");
    return value.map(parse);
  };
}

/** Reads something that may not be there yet. */
export function optional<T>(parse: (value: unknown) => T): (value: unknown) => T | undefined {
  return (value) => (value === null || value === undefined ? undefined : parse(value));
}
