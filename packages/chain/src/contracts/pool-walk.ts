import { type Address, address, ZERO_ADDRESS } from "@rivulet/crypto";
import { isError } from "@rivulet/primitives";
import { decodeAbiParameters, numberToHex, toFunctionSelector } from "viem";
import type { Hex } from "../hex.ts";
import { MAX_POOL } from "../limits.ts";
import { hexData, rpcCall } from "../rpc/call.ts";
import type { Endpoints } from "../rpc/endpoints.ts";
import type { bondingManagerAbi } from "./abi.ts";
import type { Contract, ReadAt } from "./call.ts";

type Bonding = Contract<typeof bondingManagerAbi>;

/** A program's answer counts as code, of which contracts have at most 24576 bytes: 768 addresses. */
const MAX_WALKED = 768;

/**
 * The pool from its first orchestrator to its last, by stake.
 *
 * It is a linked list, so that asking for it one by one takes a hundred round trips. Instead a small program is sent, which
 * the endpoint runs as if it were a contract's constructor: it walks the list and gives back what it met. An endpoint that
 * does not run programs is asked one by one.
 */
export async function readPool(
  bonding: Bonding,
  endpoints: Endpoints,
  at: ReadAt,
  signal?: AbortSignal,
): Promise<readonly Address[]> {
  const block = at === "latest" ? at : numberToHex(at);
  try {
    const program = rpcCall("eth_call", [{ data: walkingProgram(bonding.address) }, block], parseWalk);
    return await endpoints.request(program, signal);
  } catch (error) {
    if (!isError(error, "chain.refused")) throw error;
    return await walk(bonding, endpoints, at, signal);
  }
}

async function walk(
  bonding: Bonding,
  endpoints: Endpoints,
  at: ReadAt,
  signal: AbortSignal | undefined,
): Promise<readonly Address[]> {
  const met: Address[] = [];
  let next = address(await endpoints.request(bonding.read("getFirstTranscoderInPool", [], at), signal));
  while (next !== ZERO_ADDRESS && met.length < MAX_POOL) {
    met.push(next);
    next = address(await endpoints.request(bonding.read("getNextTranscoderInPool", [next], at), signal));
  }
  return met;
}

function parseWalk(result: unknown): readonly Address[] {
  const data = hexData(result);
  const count = (data.length - 2) / 64;
  if (count > MAX_WALKED) throw new TypeError("not a pool");
  if (count === 0) return [];
  const words = decodeAbiParameters(
    Array.from({ length: count }, () => ({ type: "address" }) as const),
    data,
  );
  return words.map((word) => address(String(word)));
}

/**
 * The program: the call's input lies from byte 0 on, the answer comes to byte 4, where it is the next input, and what was
 * met is collected from byte 128 on. Jumps go to the places named at the right.
 */
function walkingProgram(bonding: Address): Hex {
  const first = toFunctionSelector("getFirstTranscoderInPool()").slice(2);
  const next = toFunctionSelector("getNextTranscoderInPool(address)").slice(2);
  const code = [
    `63${first}60e01b600052`, // memory[0] = the selector of the first question
    "6080", //                   end = 128
    "6004", //                   length of the input = 4
    "5b", //                     0x0f again:
    "60206004", //               the answer has 32 bytes and goes to byte 4
    "82", //                     as many bytes of input as the top of the stack said
    "6000", //                   from byte 0
    `73${bonding.slice(2)}`, //  of this contract
    "5a", //                     with all gas
    "fa", //                     staticcall
    "156061", //                 if it failed,
    "57", //                       go to failed
    "50", //                     forget the length of the input
    "600451", //                 the answer:
    "80156058", //               if it is zero,
    "57", //                       go to done
    "8152", //                   memory[end] = it
    "602001", //                 end += 32
    `63${next}60e01b600052`, //  memory[0] = the selector of the next question
    "60208103516004", //         memory[4] =
    "52", //                       what was met last
    "6024", //                   length of the input = 36
    "600f56", //                 go to again
    "5b", //                     0x58 done:
    "50", //                     forget the zero
    "608090036080f3", //         return memory[128 … end]
    "5b", //                     0x61 failed:
    "60006000fd", //             revert
  ];
  return `0x${code.join("")}`;
}
