/** Writing binary formats in tests: numbers in either order, texts, and their concatenation. */

export function concat(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)));
}

export function zeros(length: number): Uint8Array {
  return new Uint8Array(length);
}

export function big(length: number, value: number | bigint): Uint8Array {
  return little(length, value).reverse();
}

export function little(length: number, value: number | bigint): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => Number((BigInt(value) >> BigInt(8 * index)) & 0xffn));
}

export function double(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}
