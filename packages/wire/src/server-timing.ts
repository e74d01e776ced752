import { type Milliseconds, ms } from "@rivulet/primitives";

/** Ours has five entries; longer headers are not ours. */
const MAX_LENGTH = 1024;

/** Names and durations of a `Server-Timing` header; what cannot be read is left out. */
export function parseServerTiming(header: string | readonly string[] | undefined): ReadonlyMap<string, Milliseconds> {
  const text = typeof header === "string" ? header : (header?.join(",") ?? "");
  const found = new Map<string, Milliseconds>();
  if (text.length > MAX_LENGTH) return found;
  for (const part of text.split(",")) {
    const [, name, duration] = /^\s*([\w-]+)\s*;.*?\bdur=(\d+(?:\.\d+)?)/i.exec(part) ?? [];
    const took = Number(duration);
    if (name !== undefined && Number.isFinite(took)) found.set(name.toLowerCase(), ms(took));
  }
  return found;
}

/** A `Server-Timing` header, in tenths of a millisecond. Durations that are not known are left out. */
export function serverTiming(durations: Readonly<Record<string, Milliseconds | undefined>>): string {
  return Object.entries(durations)
    .flatMap(([name, duration]) => (duration === undefined ? [] : [`${name};dur=${Math.round(duration * 10) / 10}`]))
    .join(", ");
}
