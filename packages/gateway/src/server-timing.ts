import { type Milliseconds, ms } from "@rivulet/primitives";

/** Names and durations of a `Server-Timing` header; what cannot be read is left out. */
export function parseServerTiming(header: string | undefined): ReadonlyMap<string, Milliseconds> {
  const found = new Map<string, Milliseconds>();
  if (header === undefined || header.length > MAX_LENGTH) return found;
  for (const part of header.split(",")) {
    const [, name, duration] = /^\s*([\w-]+)\s*;.*?\bdur=(\d+(?:\.\d+)?)/.exec(part) ?? [];
    const took = Number(duration);
    if (name !== undefined && Number.isFinite(took)) found.set(name, ms(took));
  }
  return found;
}

/** Ours has five entries. */
const MAX_LENGTH = 1024;

/** A `Server-Timing` header, in tenths of a millisecond. */
export function serverTiming(durations: Readonly<Record<string, Milliseconds>>): string {
  return Object.entries(durations)
    .map(([name, duration]) => `${name};dur=${Math.round(duration * 10) / 10}`)
    .join(", ");
}
