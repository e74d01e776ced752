import { ms } from "@rivulet/primitives";
import type { JobTimings } from "./executor.ts";

const PARTS = ["queue", "load", "inference"] as const;

/** Timings as a `Server-Timing` header: `queue;dur=1.5, load;dur=0, inference;dur=812.1`. Empty when none is known. */
export function serverTiming(timings: JobTimings): string {
  return PARTS.flatMap((part) => {
    const took = timings[part];
    return took === undefined ? [] : [`${part};dur=${Math.round(took * 1000) / 1000}`];
  }).join(", ");
}

/** Reads the parts of such a header that we know; everything else in it is ignored. */
export function parseServerTiming(header: string | readonly string[] | undefined): JobTimings {
  const text = (typeof header === "string" ? header : (header?.join(",") ?? "")).slice(0, MAX_HEADER_LENGTH);
  const timings: { -readonly [P in keyof JobTimings]: JobTimings[P] } = {};
  for (const metric of text.split(",")) {
    const [name = "", ...parameters] = metric.split(";").map((word) => word.trim());
    const part = PARTS.find((known) => known === name.toLowerCase());
    const took = Number(parameters.find((parameter) => /^dur=/i.test(parameter))?.slice("dur=".length));
    if (part !== undefined && Number.isFinite(took) && took >= 0) timings[part] = ms(took);
  }
  return timings;
}

/** Longer ones are not ours. */
const MAX_HEADER_LENGTH = 1024;
