import { RivuletError } from "@rivulet/primitives";

/**
 * The bytes of a file that came from outside, read with every offset checked.
 *
 * Whatever does not fit throws "request.media-undecodable" for the request field the file came in.
 */
export class Header {
  /** As they are, for whoever looks at every one. */
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #field: string;

  constructor(bytes: Uint8Array, field: string) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#field = field;
  }

  get length(): number {
    return this.#view.byteLength;
  }

  has(offset: number, length: number): boolean {
    return offset >= 0 && offset + length <= this.length;
  }

  u8(offset: number): number {
    return this.#at(offset, 1).getUint8(offset);
  }

  u16(offset: number, order: "big" | "little"): number {
    return this.#at(offset, 2).getUint16(offset, order === "little");
  }

  i16(offset: number, order: "big" | "little"): number {
    return this.#at(offset, 2).getInt16(offset, order === "little");
  }

  u24(offset: number, order: "big" | "little"): number {
    const [first, middle, last] = [this.u8(offset), this.u8(offset + 1), this.u8(offset + 2)];
    return order === "big" ? (first << 16) | (middle << 8) | last : (last << 16) | (middle << 8) | first;
  }

  u32(offset: number, order: "big" | "little"): number {
    return this.#at(offset, 4).getUint32(offset, order === "little");
  }

  i32(offset: number, order: "big" | "little"): number {
    return this.#at(offset, 4).getInt32(offset, order === "little");
  }

  /** Unsigned, and rounded beyond 2^53: for lengths and counts that are compared with what is there. */
  u64(offset: number, order: "big" | "little"): number {
    return Number(this.#at(offset, 8).getBigUint64(offset, order === "little"));
  }

  i64(offset: number, order: "big" | "little"): number {
    return Number(this.#at(offset, 8).getBigInt64(offset, order === "little"));
  }

  f32(offset: number): number {
    return this.#at(offset, 4).getFloat32(offset);
  }

  f64(offset: number): number {
    return this.#at(offset, 8).getFloat64(offset);
  }

  /** `length` bytes as Latin-1 text: for signatures and the names of chunks. */
  text(offset: number, length: number): string {
    let text = "";
    for (let index = 0; index < length; index++) text += String.fromCharCode(this.u8(offset + index));
    return text;
  }

  /** Whether `text` stands at `offset`; false beyond the end. */
  is(offset: number, text: string): boolean {
    return this.has(offset, text.length) && this.text(offset, text.length) === text;
  }

  fail(reason: string): never {
    throw new RivuletError("request.media-undecodable", { field: this.#field, reason });
  }

  #at(offset: number, length: number): DataView {
    return this.has(offset, length) ? this.#view : this.fail("the file ends too early");
  }
}
