import type { Pipeline } from "@rivulet/pipelines";
import type { Rational } from "@rivulet/primitives";
import type { Objection, Peer } from "./payer.ts";

/** The most that is paid. Prices in other currencies move, so it is asked anew for every job. */
export interface PriceLimits {
  /** Wei for a unit of the model's work; `undefined` for any price. */
  maxPrice(pipeline: Pipeline, model: string): Rational | undefined;
}

/** What speaks against a price above the most that is paid. */
export function aboveMaximum(
  { offer: { pipeline, model, price } }: Pick<Peer, "offer">,
  limits: PriceLimits,
): Objection | undefined {
  const most = limits.maxPrice(pipeline, model);
  if (price === undefined || most === undefined || price.compare(most) <= 0) return undefined;
  const reason = `${pipeline.name} with ${model} costs ${price} wei a ${pipeline.unit}, at most ${most} are paid`;
  return { code: "price.above-maximum", reason };
}
