import { RivuletError } from "@rivulet/primitives";

/** Reads `NAME:VALUE` texts. Throws "config.invalid" for one that is not. */
export function headerPairs(pairs: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name, value] = /^\s*([\w-]{1,100})\s*:\s*(\S.*?)\s*$/.exec(pair) ?? [];
      if (name !== undefined && value !== undefined) return [name.toLowerCase(), value];
      // Its text may be a key.
      const message = "a header is NAME:VALUE, and several are separated by commas";
      throw new RivuletError("config.invalid", { problems: [{ path: "headers", message }] });
    }),
  );
}
