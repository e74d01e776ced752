import type { Graph, Port } from "../backend.ts";
import { type Tensor, tensorOf } from "../tensor.ts";

/** The names that all exports use. Source: runner-and-models 7.3.1, 7.15. */
const PAST = "past_key_values.";
const PRESENT = "present.";
/** What a decoder keeps of what an encoder made: the same from its first run on. */
const OF_ENCODER = ".encoder.";

/** Something that a decoder keeps: an output of one run that is an input of the next. */
export interface Kept {
  readonly past: Port;
  readonly present: string;
  readonly isOfEncoder: boolean;
}

/** What a decoder keeps from run to run. */
export function keptBy({ inputs }: Graph): readonly Kept[] {
  return inputs
    .filter(({ name }) => name.startsWith(PAST))
    .map((past) => ({
      past,
      present: `${PRESENT}${past.name.slice(PAST.length)}`,
      isOfEncoder: past.name.includes(OF_ENCODER),
    }));
}

/** What is kept of so many texts of which no tokens are read: [texts, heads, 0, width]. */
export function nothingKept({ past: { name, type, dims } }: Kept, texts: number, { file }: Graph): Tensor {
  const [, heads, , width] = dims;
  if (typeof heads !== "number" || typeof width !== "number")
    throw new RangeError(`${file} does not say how many numbers ${name} has`);
  return tensorOf(type, [], [texts, heads, 0, width]);
}
