/** A parser under fuzz: anything in, a value or a `RivuletError` out. */
export interface Target {
  readonly name: string;
  /** Inputs that get far: mutation starts from these and from the files in `corpus/<name>`. */
  readonly corpus: readonly Uint8Array[];
  /** Words of the format, to be written into inputs. */
  readonly words?: readonly string[];
  /** Bytes of the longest input tried, when it is less than for what strangers send. */
  readonly longest?: number;
  /**
   * Parses. What it returns is only looked at for its shape: an input that yields a new shape is kept and mutated
   * further. Anything thrown but a `RivuletError` is a crash.
   */
  fuzz(bytes: Uint8Array): unknown;
}

/** What an operator writes by hand is shorter, and every mistake in it is looked at with care: it may take its time. */
export const LONGEST_HANDWRITTEN = 32 * 1024;

export const utf8 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
export const hex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, "hex"));
export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
