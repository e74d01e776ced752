import type { Header } from "./header.ts";

/** The contents of a box of an MP4 file. */
export interface Box {
  readonly begin: number;
  readonly end: number;
}

/** The boxes of a type, in order. Every box is at least 8 bytes long, so this ends. */
export function* boxesOf(header: Header, type: string, within: Box): Generator<Box, void, undefined> {
  // As a number: a file may be made of nothing but boxes.
  const wanted = Buffer.from(type, "latin1").readUInt32BE();
  for (let at = within.begin; at + 8 <= within.end; ) {
    const size = header.u32(at, "big");
    const isWide = size === 1;
    const length = isWide ? header.u64(at + 8, "big") : size === 0 ? within.end - at : size;
    const begin = at + (isWide ? 16 : 8);
    if (at + length < begin) header.fail("an MP4 box is smaller than its header");
    const end = Math.min(at + length, within.end);
    if (header.u32(at + 4, "big") === wanted) yield { begin, end };
    at = end;
  }
}

/** The first box at the end of a path of types. */
export function findBox(header: Header, within: Box, ...path: readonly string[]): Box | undefined {
  return path.reduce<Box | undefined>(
    (box, type) => box && (boxesOf(header, type, box).next().value ?? undefined),
    within,
  );
}

/** Where the fields of a header begin that stand behind its version, its flags and two times: those have 4 or 8 bytes. */
export function behindTimes(header: Header, { begin }: Box): number {
  return begin + 4 + 2 * (header.u8(begin) === 1 ? 8 : 4);
}
