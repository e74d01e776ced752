import { createKeccak } from "hash-wasm";

/** One hasher for the whole process: making one takes longer than a thousand hashes, and each use is synchronous. */
const hasher = await createKeccak(256);

/** The 32 bytes of Keccak-256, with the padding from before SHA-3. */
export function keccak256(...parts: readonly Uint8Array[]): Uint8Array {
  hasher.init();
  for (const part of parts) hasher.update(part);
  return hasher.digest("binary");
}
