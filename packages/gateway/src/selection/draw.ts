import type { Randomness } from "@rivulet/primitives";
import { checkedMeasuredWeights, type MeasuredWeights, measuredChances, measuredWeights } from "./measured-weights.ts";
import { type Chances, chances, checkedWeights, operatorAt, type Weighed, type WeightOptions } from "./weights.ts";

/**
 * How an orchestrator is chosen among those with a free slot. "fastest": the idle before the busy, then the best score.
 * "measured": drawn by stake, price, measured speed and chance. "published": drawn by the network's formula.
 */
export type SelectionOptions =
  | { readonly kind: "fastest" }
  | { readonly kind: "measured"; readonly weights?: Partial<MeasuredWeights> | undefined }
  | { readonly kind: "published"; readonly weights: WeightOptions };

/** A choice by lot, with all that led to it. */
export interface Draw {
  readonly chances: Chances;
  /** The number that was drawn, from [0, 1). */
  readonly drawn: number;
}

/** Gives chances to operators. */
export type Weigh = (operators: readonly Weighed[]) => Chances;

/** The formula that options name; `undefined` when nothing is drawn. Throws "config.invalid". */
export function weighOf(options: SelectionOptions): Weigh | undefined {
  if (options.kind === "fastest") return undefined;
  if (options.kind === "published") {
    const weights = checkedWeights(options.weights);
    return (operators) => chances(operators, weights);
  }
  const weights = checkedMeasuredWeights({ ...measuredWeights, ...options.weights });
  return (operators) => measuredChances(operators, weights);
}

/** Draws one of `operators`, and tells how. `undefined` when nobody has a chance. */
export function drawOf(
  operators: readonly Weighed[],
  weigh: Weigh,
  randomness: Randomness,
): { readonly operator: Weighed; readonly draw: Draw } | undefined {
  const weighed = weigh(operators);
  const drawn = randomness.uniform();
  const operator = operatorAt(weighed, drawn);
  return operator && { operator, draw: { chances: weighed, drawn } };
}
