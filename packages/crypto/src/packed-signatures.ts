import { type Address, addressBytes, addressFromBytes } from "./address.ts";
import { rawSign, recoverSigner } from "./signing.ts";

/** What a thread does with signatures. Batches cross threads as one array: items of fixed lengths, one after the other. */
export interface SignatureWork {
  readonly inputLength: number;
  readonly outputLength: number;
  /** Reads one item of input and writes one of output. */
  readonly each: (input: Uint8Array, output: Uint8Array, key: Uint8Array | undefined) => void;
}

const HASH_LENGTH = 32;
const SIGNATURE_LENGTH = 65;
const ADDRESS_LENGTH = 20;

/** Hashes with signatures in; a byte that tells whether somebody signed, and who, out. */
const recover: SignatureWork = {
  inputLength: HASH_LENGTH + SIGNATURE_LENGTH,
  outputLength: 1 + ADDRESS_LENGTH,
  each: (input, output) => {
    const signer = recoverSigner(input.subarray(0, HASH_LENGTH), input.subarray(HASH_LENGTH));
    if (signer === undefined) return;
    output[0] = 1;
    output.set(addressBytes(signer), 1);
  },
};

/** Hashes in, signatures out. */
const sign: SignatureWork = {
  inputLength: HASH_LENGTH,
  outputLength: SIGNATURE_LENGTH,
  each: (input, output, key) => {
    if (key === undefined) throw new TypeError("signing needs a key");
    output.set(rawSign(key, input));
  },
};

export const signatureWorks = { recover, sign } as const satisfies Record<string, SignatureWork>;
export type SignatureWorkName = keyof typeof signatureWorks;

/** Does a packed batch here and now. */
export function doSignatureWork(name: SignatureWorkName, input: Uint8Array, key: Uint8Array | undefined): Uint8Array {
  const work = signatureWorks[name];
  const count = input.length / work.inputLength;
  const output = new Uint8Array(count * work.outputLength);
  for (let i = 0; i < count; i++) work.each(item(input, i, work.inputLength), item(output, i, work.outputLength), key);
  return output;
}

/** A signature that has not 65 bytes goes as zeros, which are nobody's. Throws `TypeError` for a hash that has not 32. */
export function packSigned(
  signed: readonly { readonly hash: Uint8Array; readonly signature: Uint8Array }[],
): Uint8Array {
  const packed = new Uint8Array(signed.length * recover.inputLength);
  for (const [i, { hash, signature }] of signed.entries()) {
    packed.set(checkedHash(hash), i * recover.inputLength);
    if (signature.length === SIGNATURE_LENGTH) packed.set(signature, i * recover.inputLength + HASH_LENGTH);
  }
  return packed;
}

export function unpackSigners(packed: Uint8Array): readonly (Address | undefined)[] {
  return unpack(packed, recover.outputLength, (each) =>
    each[0] === 1 ? addressFromBytes(each.subarray(1)) : undefined,
  );
}

/** Throws `TypeError` for a hash that has not 32 bytes. */
export function packHashes(hashes: readonly Uint8Array[]): Uint8Array {
  const packed = new Uint8Array(hashes.length * HASH_LENGTH);
  for (const [i, hash] of hashes.entries()) packed.set(checkedHash(hash), i * HASH_LENGTH);
  return packed;
}

export function unpackSignatures(packed: Uint8Array): readonly Uint8Array[] {
  return unpack(packed, SIGNATURE_LENGTH, (each) => each);
}

function unpack<T>(packed: Uint8Array, length: number, read: (each: Uint8Array) => T): readonly T[] {
  return Array.from({ length: packed.length / length }, (_, i) => read(item(packed, i, length)));
}

function item(packed: Uint8Array, index: number, length: number): Uint8Array {
  return packed.subarray(index * length, (index + 1) * length);
}

function checkedHash(hash: Uint8Array): Uint8Array {
  if (hash.length !== HASH_LENGTH) throw new TypeError(`not a hash of 32 bytes: ${hash.length}`);
  return hash;
}
