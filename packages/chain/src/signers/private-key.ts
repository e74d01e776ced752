import { inspect } from "node:util";
import { type Address, keySigner } from "@rivulet/crypto";
import { bytesFromHex } from "../hex.ts";

/** What is shown instead of a key, wherever an object is printed. */
const HIDDEN = "[private key]";

/** The key of an account. It shows itself to nobody but the caller of `bytes`: not in logs, JSON, errors or a debugger's text. */
export class PrivateKey {
  readonly address: Address;
  readonly #bytes: Uint8Array;

  private constructor(bytes: Uint8Array) {
    this.address = keySigner(bytes).address;
    this.#bytes = bytes;
  }

  /** Throws "config.invalid" when the 32 bytes are no key. */
  static fromBytes(bytes: Uint8Array): PrivateKey {
    return new PrivateKey(Uint8Array.from(bytes));
  }

  /** From 64 hex digits, with or without `0x`. Throws "config.invalid" for anything else, without repeating it. */
  static fromHex(text: string): PrivateKey {
    const digits = text.trim().replace(/^0x/i, "");
    return new PrivateKey(/^[0-9a-f]{64}$/i.test(digits) ? bytesFromHex(`0x${digits}`) : new Uint8Array());
  }

  /** A copy, for whoever signs. */
  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}
