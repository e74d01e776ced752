import type { FieldKind } from "./field-kind.ts";

/**
 * Values that clients in use send for a field, turned into what its schema wants: `"5"` and `5.0` are integers, `"0.5"`
 * is a number, `"yes"` a boolean. Anything else is left as it is, for the schema to refuse.
 *
 * Source: runner-and-models 1.2.3.
 */
export function lenient(kind: FieldKind, value: unknown): unknown {
  return readers[kind](value);
}

const WHOLE = /^\s*[+-]?\d+(\.0*)?\s*$/;
// One way to match each text: a million digits must not be tried in every split around a point that is not there.
const DECIMAL = /^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*$/i;
const TRUE = new Set(["true", "1", "yes", "on", "t", "y"]);
const FALSE = new Set(["false", "0", "no", "off", "f", "n"]);

const readers: Readonly<Record<FieldKind, (value: unknown) => unknown>> = {
  integer: (value) => (typeof value === "string" && WHOLE.test(value) ? Number(value) : value),
  number: (value) => (typeof value === "string" && DECIMAL.test(value) ? Number(value) : value),
  boolean: (value) => {
    if (typeof value !== "string" && typeof value !== "number") return value;
    const word = String(value).trim().toLowerCase();
    return TRUE.has(word) ? true : FALSE.has(word) ? false : value;
  },
  string: (value) => value,
  structure: (value) => value,
};
