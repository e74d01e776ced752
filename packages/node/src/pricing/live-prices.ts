import type { PriceSource, PriceTable } from "@rivulet/orchestrator";
import { findPipeline } from "@rivulet/pipelines";
import { RivuletError } from "@rivulet/primitives";
import { type AskedPrices, currenciesOf, type WrittenPrice } from "../config/prices.ts";
import { inWei, type Rates } from "./rates.ts";

/**
 * What an orchestrator asks, in wei as of now: follows the price feed, and can be replaced while the node runs.
 *
 * Whoever makes it disposes of it. Throws "config.invalid" when a price is in a currency that nothing tells the worth of;
 * `replace` does so too and then keeps the prices there are.
 */
export class LivePrices implements PriceSource, Disposable {
  readonly #rates: Rates;
  readonly #listeners = new Set<() => void>();
  readonly #following: Disposable;
  #asked: AskedPrices;
  #table: PriceTable;

  constructor(asked: AskedPrices, rates: Rates) {
    this.#rates = rates;
    this.#asked = asked;
    this.#table = tableOf(asked, rates);
    this.#following = rates.onChanged(() => this.replace(this.#asked));
  }

  get table(): PriceTable {
    return this.#table;
  }

  onChanged(listener: () => void): Disposable {
    const entry = () => listener();
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  /** From now on these are asked. */
  replace(asked: AskedPrices): void {
    this.#table = tableOf(asked, this.#rates);
    this.#asked = asked;
    for (const listener of this.#listeners) listener();
  }

  [Symbol.dispose](): void {
    this.#following[Symbol.dispose]();
  }
}

function tableOf(asked: AskedPrices, rates: Rates): PriceTable {
  requireRates(asked, rates);
  return {
    rows: asked.rows.flatMap((row) => rowOf(row, rates)),
    base: new Map(
      [...asked.base].flatMap(([gateway, money]) => {
        const price = inWei(money, rates);
        return price === undefined ? [] : [[gateway, price] as const];
      }),
    ),
  };
}

function rowOf({ pipeline, model, gateway, perUnit }: WrittenPrice, rates: Rates): PriceTable["rows"] {
  const capability = findPipeline(pipeline)?.capability;
  const weiPerUnit = inWei(perUnit, rates);
  return capability?.kind !== "network" || weiPerUnit === undefined
    ? []
    : [{ capability: capability.id, model, gateway, weiPerUnit }];
}

/** Throws "config.invalid" naming the currencies that nothing tells the worth of. */
export function requireRates(prices: Parameters<typeof currenciesOf>[0], rates: Rates): void {
  const unknown = [...currenciesOf(prices)].filter((currency) => rates.weiPer(currency) === undefined);
  if (unknown.length === 0) return;
  throw new RivuletError("config.invalid", {
    problems: unknown.map((currency) => ({
      path: "prices",
      message: `nothing tells what ${currency} is worth: write prices in wei, or name its feed with -priceFeedAddr`,
    })),
  });
}
