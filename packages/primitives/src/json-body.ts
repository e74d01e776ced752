/** Texts from this length on are masks and files; shorter ones are written faster together with what is around them. */
const LONG = 1 << 16;
/** What JSON does not write as it is, also where it is to be safe in a page. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
const ODD = /["\\<>&\u0000-\u001f\u007f-\uffff]/;

export interface JsonWriting {
  /** Writes what has no long text in it; `JSON.stringify` when left out. */
  readonly write?: (value: unknown) => string;
  /** Stands behind the value. */
  readonly end?: string;
}

/**
 * A plain value as JSON, to be sent: text or, when there are long texts in it, bytes. Long texts with nothing odd in them are
 * copied as they are, which takes a third of the time.
 */
export function jsonBody(value: unknown, { write = JSON.stringify, end = "" }: JsonWriting = {}): string | Uint8Array {
  if (!hasLong(value)) return write(value) + end;
  const parts: Part[] = [];
  cut(value, write, parts);
  return joined([...parts, encoder.encode(end)]);
}

/** Bytes, or a text that has one for each character. */
type Part = Uint8Array | string;

const encoder = new TextEncoder();

function hasLong(value: unknown): boolean {
  if (typeof value === "string") return value.length >= LONG;
  return typeof value === "object" && value !== null && Object.values(value).some(hasLong);
}

/** Adds the parts of a value that has long texts in it. */
function cut(value: unknown, write: (value: unknown) => string, parts: Part[]): void {
  const add = (text: string) => parts.push(encoder.encode(text));
  if (!hasLong(value)) add(write(value));
  else if (typeof value === "string") {
    if (ODD.test(value)) add(write(value));
    else parts.push('"', value, '"');
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      add(index === 0 ? "[" : ",");
      cut(item ?? null, write, parts);
    }
    add("]");
  } else {
    const members = Object.entries(Object(value)).filter(([, member]) => member !== undefined);
    for (const [index, [name, member]] of members.entries()) {
      add(`${index === 0 ? "{" : ","}${write(name)}:`);
      cut(member, write, parts);
    }
    add("}");
  }
}

function joined(parts: readonly Part[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    if (typeof part === "string") encoder.encodeInto(part, bytes.subarray(at));
    else bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
