import type { PriceLimits } from "@rivulet/gateway";
import type { Pipeline } from "@rivulet/pipelines";
import type { Rational } from "@rivulet/primitives";
import { DEFAULT, type PriceLimits as WrittenLimits } from "../config/prices.ts";
import { requireRates } from "./live-prices.ts";
import { inWei, type Rates } from "./rates.ts";

/**
 * The most a payer pays, in wei as of now: follows the price feed, and can be replaced while the node runs.
 *
 * Throws "config.invalid" when a price is in a currency that nothing tells the worth of; `replace` does so too and then
 * keeps the limits there are.
 */
export class LiveLimits implements PriceLimits {
  readonly #rates: Rates;
  #written: WrittenLimits;

  constructor(written: WrittenLimits, rates: Rates) {
    requireRates(written, rates);
    this.#rates = rates;
    this.#written = written;
  }

  /** From now on these hold. */
  replace(written: WrittenLimits): void {
    requireRates(written, this.#rates);
    this.#written = written;
  }

  /** The model's own limit, else its pipeline's, else that of everything. Source: payments 13.5. */
  maxPrice({ name }: Pipeline, model: string): Rational | undefined {
    const { rows } = this.#written;
    const of = (wanted: string) => rows.find((row) => row.pipeline === name && row.model === wanted)?.perUnit;
    const limit = of(model) ?? of(DEFAULT);
    return limit === undefined ? this.everything : inWei(limit, this.#rates);
  }

  /** That of work without a limit of its own; `undefined` for any price. */
  get everything(): Rational | undefined {
    const { everything } = this.#written;
    return everything === undefined ? undefined : inWei(everything, this.#rates);
  }
}
