import { parseServerTiming, serverTiming } from "@rivulet/wire";
import type { JobTimings } from "./executor.ts";

/** A job's timings as a `Server-Timing` header: `queue;dur=1.5, load;dur=0, inference;dur=812.1`. Empty when none is known. */
export function timingHeader({ queue, load, inference }: JobTimings): string {
  return serverTiming({ queue, load, inference });
}

/** The parts of such a header that are a job's; everything else in it is ignored. */
export function timingsOf(header: string | readonly string[] | undefined): JobTimings {
  const told = parseServerTiming(header);
  const timings: { -readonly [P in keyof JobTimings]: JobTimings[P] } = {};
  for (const part of ["queue", "load", "inference"] as const) {
    const took = told.get(part);
    if (took !== undefined) timings[part] = took;
  }
  return timings;
}
