import { isError } from "@rivulet/primitives";

const MAX_DEPTH = 4;
const MAX_CHILDREN = 8;

/**
 * What an outcome looks like when its particulars are left out. Two inputs that end in the same shape went, as far as can
 * be told from outside, the same way: this stands in for coverage, at a thousandth of its cost.
 */
export function shapeOf(value: unknown, depth = 0): string {
  if (isError(value))
    return `!${value.code} ${value.message
      .replace(/\d+/g, "0")
      .replace(/"[^"]*"/g, '""')
      .slice(0, 120)}`;
  if (typeof value === "string") return `s${magnitude(value.length)}`;
  if (typeof value === "number") return Number.isInteger(value) ? `i${Math.sign(value)}` : "f";
  if (typeof value === "bigint") return value === 0n ? "b0" : value < 0n ? "b-" : "b+";
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Uint8Array) return `u${magnitude(value.length)}`;
  if (depth === MAX_DEPTH) return "…";
  if (value instanceof Map) return `m${listShape([...value.values()], depth)}`;
  if (Array.isArray(value)) return `a${listShape(value, depth)}`;
  const entries = Object.entries(value).slice(0, 4 * MAX_CHILDREN);
  return `{${entries.map(([key, item]) => `${key.slice(0, 20)}:${shapeOf(item, depth + 1)}`).join()}}`;
}

function listShape(items: readonly unknown[], depth: number): string {
  const kinds = new Set(items.slice(0, MAX_CHILDREN).map((item) => shapeOf(item, depth + 1)));
  return `${magnitude(items.length)}[${[...kinds].join()}]`;
}

/** Lengths that differ less than twofold count as the same. */
function magnitude(length: number): number {
  return 32 - Math.clz32(length);
}
