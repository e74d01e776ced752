/** A secret and where it came from. Shown, logged or turned into JSON it is only ever its reference. */
export class Secret {
  readonly reference: string;
  readonly #value: string;

  constructor(value: string, reference: string) {
    this.#value = value;
    this.reference = reference;
  }

  /** The secret itself, for the one place that needs it. */
  reveal(): string {
    return this.#value;
  }

  toJSON(): string {
    return this.reference;
  }

  toString(): string {
    return this.reference;
  }
}

/** The world outside the configuration's text. Handed in, so that reading is repeatable. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file. Throws when it cannot be read. */
  readText(path: string): string;
  /** Turns a path as written into an absolute one. */
  resolvePath(path: string): string;
}

/** Longer texts are the thing itself, not the path of a file. */
const MAX_PATH = 4096;

/** The text of the file at `path`, or `undefined` when there is none that can be read. */
export function findText(path: string, surroundings: Surroundings): string | undefined {
  if (path === "" || path.includes("\0") || path.length > MAX_PATH) return undefined;
  try {
    return surroundings.readText(surroundings.resolvePath(path));
  } catch {
    return undefined;
  }
}

/** The secret that a reference names, or what is wrong with the reference. */
export function resolveSecret(text: string, surroundings: Surroundings): Secret | { readonly problem: string } {
  if (text.startsWith("env:")) {
    const value = surroundings.env[text.slice(4)];
    if (value === undefined || value === "") return { problem: `the environment has no ${text.slice(4)}` };
    return new Secret(value, text);
  }
  if (text.startsWith("file:")) {
    try {
      const value = surroundings.readText(surroundings.resolvePath(text.slice(5))).trim();
      return value === "" ? { problem: `${text.slice(5)} is empty` } : new Secret(value, text);
    } catch (error) {
      return { problem: `${text.slice(5)} cannot be read (${reasonOf(error)}): check that it exists and is yours` };
    }
  }
  return { problem: "a secret is written as file:PATH or env:NAME, never as itself" };
}

/** The short reason of a failed system call, such as ENOENT. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.message : String(error);
}
