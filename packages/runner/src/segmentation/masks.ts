import type { Tensor } from "../tensor.ts";
import type { Rows } from "./mask-text.ts";

/** A mask as the model makes it: small, a logit a place. */
export interface Mask {
  readonly score: number;
  readonly width: number;
  readonly height: number;
  readonly logits: Float32Array;
}

/** The masks of a run, in the model's order. */
export function masksOf(masks: Tensor<"float32">, scores: Tensor<"float32">): readonly Mask[] {
  const [height = 0, width = 0] = masks.dims.slice(-2);
  const size = width * height;
  if (size === 0 || masks.data.length !== scores.data.length * size)
    throw new RangeError("the model gave scores and masks that do not belong together");
  return Array.from(scores.data, (score, index) => ({
    score,
    width,
    height,
    logits: masks.data.subarray(index * size, (index + 1) * size),
  }));
}

/** When the model's single answer is trusted. */
export interface Stability {
  /** How much the threshold is moved up and down. */
  readonly delta: number;
  /** The share of the larger mask that must be left in the smaller one. */
  readonly least: number;
}

/** Exports with as many masks have the single answer first; others have only those to choose from. */
const WITH_SINGLE = 4;

/**
 * The masks that answer a request, best first: those to choose from, or the one that is meant when there is no choice. That
 * is the model's single answer while it is stable, else the best of the others. Source: runner-and-models 7.13.
 */
export function answering(all: readonly Mask[], isMultiple: boolean, { delta, least }: Stability): readonly Mask[] {
  const [single, choices] = all.length === WITH_SINGLE ? [all[0], all.slice(1)] : [undefined, all];
  const sorted = choices.toSorted((a, b) => b.score - a.score);
  if (isMultiple) return sorted;
  return single !== undefined && stabilityOf(single, delta) >= least ? [single] : sorted.slice(0, 1);
}

function stabilityOf({ logits }: Mask, delta: number): number {
  let [inner, outer] = [0, 0];
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i] ?? 0;
    if (logit > delta) inner += 1;
    if (logit > -delta) outer += 1;
  }
  return outer > 0 ? inner / outer : 1;
}

/** The mask in the size of a picture, between four places each; a mask's corner places lie half a place inside the corner. */
export function enlarged(mask: Mask, { width, height }: { readonly width: number; readonly height: number }): Rows {
  const across = between(mask.width, width);
  const down = between(mask.height, height);
  let [above, below] = [new Line(mask, across), new Line(mask, across)];
  return {
    width,
    height,
    fill(row, y) {
      const [first = 0, second = 0, share = 0] = [down.first[y], down.second[y], down.share[y]];
      if (above.y !== first) [above, below] = [below, above];
      const [top, bottom] = [above.at(first), below.at(second)];
      for (let x = 0; x < width; x++) row[x] = (top[x] ?? 0) * (1 - share) + (bottom[x] ?? 0) * share;
    },
  };
}

/** A line of a mask in another width. Most rows of a picture lie between the lines that the row above lies between. */
class Line {
  readonly #mask: Mask;
  readonly #across: Between;
  readonly #values: Float64Array;
  #y = -1;

  constructor(mask: Mask, across: Between) {
    this.#mask = mask;
    this.#across = across;
    this.#values = new Float64Array(across.share.length);
  }

  get y(): number {
    return this.#y;
  }

  at(y: number): Float64Array {
    if (this.#y === y) return this.#values;
    this.#y = y;
    const { first, second, share } = this.#across;
    const { logits, width } = this.#mask;
    const start = y * width;
    for (let x = 0; x < this.#values.length; x++) {
      const part = share[x] ?? 0;
      this.#values[x] =
        (logits[start + (first[x] ?? 0)] ?? 0) * (1 - part) + (logits[start + (second[x] ?? 0)] ?? 0) * part;
    }
    return this.#values;
  }
}

/** The largest logit that is told. Source: runner-and-models 7.13. */
const MAX_LOGIT = 32;

/** The mask as it can be handed in again. */
export function small({ logits, width, height }: Mask): Rows {
  return {
    width,
    height,
    fill(row, y) {
      for (let x = 0; x < width; x++) row[x] = Math.min(MAX_LOGIT, Math.max(-MAX_LOGIT, logits[y * width + x] ?? 0));
    },
  };
}

/** For each output the two inputs that it lies between. */
interface Between {
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** How much the second counts. */
  readonly share: Float64Array;
}

function between(inputs: number, outputs: number): Between {
  const [first, second] = [new Int32Array(outputs), new Int32Array(outputs)];
  const share = new Float64Array(outputs);
  for (let i = 0; i < outputs; i++) {
    const place = Math.max(0, ((i + 0.5) * inputs) / outputs - 0.5);
    const before = Math.min(inputs - 1, Math.floor(place));
    first[i] = before;
    second[i] = Math.min(inputs - 1, before + 1);
    share[i] = place - before;
  }
  return { first, second, share };
}
