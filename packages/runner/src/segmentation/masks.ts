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
  const above = (threshold: number) => logits.reduce((count, logit) => count + (logit > threshold ? 1 : 0), 0);
  const [inner, outer] = [above(delta), above(-delta)];
  return outer > 0 ? inner / outer : 1;
}

/** The mask in the size of a picture, between four places each; a mask's corner places lie half a place inside the corner. */
export function enlarged(
  { logits, width, height }: Mask,
  to: { readonly width: number; readonly height: number },
): Rows {
  const across = between(width, to.width);
  const down = between(height, to.height);
  const line = new Float64Array(width);
  return {
    ...to,
    row(y) {
      const [top, bottom, lower] = [width * (down.first[y] ?? 0), width * (down.second[y] ?? 0), down.share[y] ?? 0];
      for (let x = 0; x < width; x++)
        line[x] = (logits[top + x] ?? 0) * (1 - lower) + (logits[bottom + x] ?? 0) * lower;
      const row = new Float32Array(to.width);
      for (let x = 0; x < to.width; x++) {
        const share = across.share[x] ?? 0;
        row[x] = (line[across.first[x] ?? 0] ?? 0) * (1 - share) + (line[across.second[x] ?? 0] ?? 0) * share;
      }
      return row;
    },
  };
}

/** The largest logit that is told. Source: runner-and-models 7.13. */
const MAX_LOGIT = 32;

/** The mask as it can be handed in again. */
export function small({ logits, width, height }: Mask): Rows {
  return {
    width,
    height,
    row: (y) =>
      logits.subarray(y * width, (y + 1) * width).map((logit) => Math.min(MAX_LOGIT, Math.max(-MAX_LOGIT, logit))),
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
  const places = Float64Array.from({ length: outputs }, (_, i) => Math.max(0, ((i + 0.5) * inputs) / outputs - 0.5));
  const first = Int32Array.from(places, (place) => Math.min(inputs - 1, place));
  return {
    first,
    second: first.map((index) => Math.min(inputs - 1, index + 1)),
    share: places.map((place, i) => place - (first[i] ?? 0)),
  };
}
