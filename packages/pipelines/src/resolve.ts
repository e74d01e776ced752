import type { Randomness, WorkUnit } from "@rivulet/primitives";
import type { z } from "zod";
import type { MediaFields, Pipeline, Probes } from "./pipeline.ts";

/** Seeds that are drawn fit in 32 bits, as peers draw them. Source: runner-and-models 1.2.6. */
const DRAWN_RANGE = 2 ** 32;

/**
 * A request with nothing left to chance or to the peer: drawn fields drawn, derived fields filled in from the files.
 * What is sent, billed and repeated on a retry.
 */
export function resolveRequest<R extends z.ZodObject, M extends MediaFields>(
  pipeline: Pipeline<string, R, z.ZodType, WorkUnit, M>,
  request: z.output<R>,
  media: Probes<M>,
  randomness: Randomness,
): z.output<R> {
  const drawn = pipeline.drawn
    .filter((name) => Reflect.get(request, name) === undefined)
    .map((name) => [name, Math.floor(randomness.uniform() * DRAWN_RANGE)] as const);
  return { ...request, ...Object.fromEntries(drawn), ...pipeline.derived?.(request, media) };
}
