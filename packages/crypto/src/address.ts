import type { Branded } from "@rivulet/primitives";
import { keccak256 } from "./keccak.ts";

/** An Ethereum account: `0x` and 40 lower-case hex digits, so that equal accounts are equal texts. */
export type Address = Branded<`0x${string}`, "Address">;

const LENGTH = 20;

/** The sender of everything off-chain. */
export const ZERO_ADDRESS = `0x${"0".repeat(2 * LENGTH)}` as Address;

/** Reads an address in any case. Throws `TypeError` for anything else. */
export function address(text: string): Address {
  if (!/^0x[0-9a-f]{40}$/i.test(text)) throw new TypeError(`not an address: ${text}`);
  return text.toLowerCase() as Address;
}

/** As the network reads addresses: the last 20 bytes of longer input, zeros before shorter. Source: wire-protocol 2.3. */
export function addressFromBytes(bytes: Uint8Array): Address {
  const tail = bytes.subarray(Math.max(0, bytes.length - LENGTH));
  return `0x${Buffer.from(tail.buffer, tail.byteOffset, tail.length)
    .toString("hex")
    .padStart(2 * LENGTH, "0")}` as Address;
}

export function addressBytes(address: Address): Uint8Array {
  return Uint8Array.from(Buffer.from(address.slice(2), "hex"));
}

/** The form of EIP-55, whose letter case is a checksum. It is the only form in which an address is signed. */
export function checksumAddress(address: Address): string {
  const digits = address.slice(2);
  const hash = keccak256(Buffer.from(digits, "ascii"));
  const cased = Array.from(digits, (digit, index) => {
    const byte = hash[index >> 1] ?? 0;
    const nibble = index % 2 === 0 ? byte >> 4 : byte & 0xf;
    return nibble >= 8 ? digit.toUpperCase() : digit;
  });
  return `0x${cased.join("")}`;
}
