/** Unsigned, big-endian, as short as possible; zero is no bytes: how the network writes large numbers. */
export function bigIntegerBytes(value: bigint): Uint8Array {
  if (value < 0n) throw new RangeError(`the network has no negative numbers of this kind: ${value}`);
  if (value === 0n) return new Uint8Array();
  const digits = value.toString(16);
  return Uint8Array.from(Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex"));
}

/** The number in `bytes`, leading zeros allowed. Its size is the caller's to bound. */
export function bigInteger(bytes: Uint8Array): bigint {
  return bytes.length === 0
    ? 0n
    : BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`);
}
