import { deepStrictEqual } from "node:assert/strict";

/**
 * Parses, and checks that writing what was read loses nothing more: after one normalisation, reading and writing return the
 * same value for ever.
 */
export function fixpoint<T>(decode: (bytes: Uint8Array) => T, encode: (value: T) => Uint8Array) {
  return (bytes: Uint8Array): T => {
    const value = decode(bytes);
    const once = decode(encode(value));
    deepStrictEqual(decode(encode(once)), once);
    return value;
  };
}
