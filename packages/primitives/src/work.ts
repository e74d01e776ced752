import type { Branded } from "./brand.ts";
import type { Rational } from "./rational.ts";

/** What a pipeline is measured in. */
export type WorkUnit = "pixel" | "audio-ms" | "token" | "millicharacter" | "second";

/** An amount of work in its unit. */
export interface Work<U extends WorkUnit = WorkUnit> {
  readonly unit: U;
  readonly amount: bigint;
}

/** An exact price per unit of work. */
export interface Price<U extends WorkUnit = WorkUnit> {
  readonly unit: U;
  readonly weiPerUnit: Rational;
}

/** Wei owed for a piece of work, exact and not yet rounded. */
export type Fee = Branded<Rational, "Fee">;

/** What `work` costs at `price`. A price in another unit does not compile. */
export function feeFor<U extends WorkUnit>(price: Price<U>, work: Work<NoInfer<U>>): Fee {
  return price.weiPerUnit.times(work.amount) as Fee;
}
