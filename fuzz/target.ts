/** A parser under fuzz: anything in, a value or a `RivuletError` out. */
export interface Target {
  readonly name: string;
  /** Inputs that get far: mutation starts from these and from the files in `corpus/<name>`. */
  readonly corpus: readonly Uint8Array[];
  /** Words of the format, to be written into inputs. */
  readonly words?: readonly string[];
  /**
   * Parses. What it returns is only looked at for its shape: an input that yields a new shape is kept and mutated
   * further. Anything thrown but a `RivuletError` is a crash.
   */
  fuzz(bytes: Uint8Array): unknown;
}

export const utf8 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
export const hex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, "hex"));
export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
