import type { Address } from "@rivulet/crypto";
import type { Pipeline } from "@rivulet/pipelines";
import { Rational } from "@rivulet/primitives";
import { type Capabilities, type CapabilityPrice, toldPrice } from "@rivulet/wire";

/** Stands for every gateway without rows of its own, and for every model of a pipeline without one. */
export const DEFAULT_ROW = "default";

/** What one unit of one model's work costs a gateway. */
export interface PriceRow {
  /** The capability number of the pipeline. */
  readonly capability: number;
  /** The exact model, or `default` for those of the pipeline without a row. */
  readonly model: string;
  /** Whom the row is for, or `default`. */
  readonly gateway: Address | typeof DEFAULT_ROW;
  readonly weiPerUnit: Rational;
}

/** Everything an orchestrator asks, in wei. */
export interface PriceTable {
  readonly rows: readonly PriceRow[];
  /**
   * What those are told who ask about nothing in particular, by gateway or `default`. No model is sold at it: one without a
   * row is not for sale. The reference sells it at this price, whatever the model costs to run.
   */
  readonly base: ReadonlyMap<Address | typeof DEFAULT_ROW, Rational>;
}

/** Where prices come from. They may change while the node runs: a file is written, a currency moves. */
export interface PriceSource {
  readonly table: PriceTable;
  onChanged(listener: () => void): Disposable;
}

/** Prices that stay as they are. */
export function fixedPrices(table: PriceTable): PriceSource {
  return { table, onChanged: () => ({ [Symbol.dispose]() {} }) };
}

/** A model of a pipeline, as prices name it. */
interface PricedModel {
  readonly pipeline: Pipeline;
  readonly model: string;
}

/**
 * What an orchestrator asks for. A gateway's own rows come before the default ones, a model's own row before the one of its
 * pipeline's other models. Source: payments-and-chain 13.3, wire-protocol 3.7.
 */
export class Pricing {
  readonly #prices = new Map<string, Rational>();
  readonly #priced = new Set<string>();
  readonly #table: PriceTable;

  constructor(table: PriceTable) {
    this.#table = table;
    for (const { capability, model, gateway, weiPerUnit } of table.rows) {
      this.#prices.set(keyOf(gateway, capability, model), weiPerUnit);
      this.#priced.add(`${capability} ${model}`);
    }
  }

  /** What a unit costs this gateway, before overhead. `undefined`: the model is not for sale to it. */
  priceOf(gateway: Address, capability: number, model: string): Rational | undefined {
    for (const buyer of [gateway, DEFAULT_ROW] as const)
      for (const name of [model, DEFAULT_ROW]) {
        const price = this.#prices.get(keyOf(buyer, capability, name));
        if (price !== undefined) return price;
      }
    return undefined;
  }

  /** Whether anybody can buy the model. */
  isForSale({ pipeline: { capability }, model }: PricedModel): boolean {
    if (capability.kind !== "network") return false;
    return this.#priced.has(`${capability.id} ${model}`) || this.#priced.has(`${capability.id} ${DEFAULT_ROW}`);
  }

  /**
   * What a gateway is asked for what it wants, before overhead: the sum over its models, or the base price when it wants
   * nothing in particular. `undefined` when a model it wants is not for sale to it.
   */
  priceFor(gateway: Address, wanted: Capabilities | undefined): Rational | undefined {
    const models = wanted === undefined ? [] : wantedModels(wanted);
    if (models.length === 0) return this.#table.base.get(gateway) ?? this.#table.base.get(DEFAULT_ROW) ?? Rational.ZERO;
    let sum = Rational.ZERO;
    for (const [capability, model] of models) {
      const price = this.priceOf(gateway, capability, model);
      if (price === undefined) return undefined;
      sum = sum.plus(price);
    }
    return sum;
  }

  /**
   * The list for display: every model with a row or on offer, in whole wei, without overhead. Never to be paid by.
   * Source: wire-protocol 3.8.
   */
  list(gateway: Address, offers: readonly PricedModel[]): readonly CapabilityPrice[] {
    const models = new Map<string, readonly [number, string]>();
    for (const { capability, model, gateway: buyer } of this.#table.rows)
      if (model !== DEFAULT_ROW && (buyer === gateway || buyer === DEFAULT_ROW))
        models.set(`${capability} ${model}`, [capability, model]);
    for (const { pipeline, model } of offers)
      if (pipeline.capability.kind === "network")
        models.set(`${pipeline.capability.id} ${model}`, [pipeline.capability.id, model]);
    return [...models.values()].flatMap(([capability, model]) => {
      const price = this.priceOf(gateway, capability, model);
      return price === undefined ? [] : [{ capability, constraint: model, price: Rational.of(price.floor()) }];
    });
  }
}

/** Models that a request names under a capability it also has a capacity for. Source: payments-and-chain 13.3. */
export function wantedModels({ capacities, models }: Capabilities): readonly (readonly [number, string])[] {
  return [...models].flatMap(([capability, constraints]) =>
    capacities.has(capability) ? [...constraints.keys()].map((model) => [capability, model] as const) : [],
  );
}

const FIXED_POINT = 1000n;
/** The least part of a wei that a price is rounded up to. */
const FINEST = 10n ** 18n;

/**
 * The price that is told: with the cost of redeeming spread over it, cut to a thousandth of a wei, and in numbers the
 * network can carry. Source: payments-and-chain 13.4.
 *
 * What costs something is never told to be free: below a thousandth of a wei nothing is cut.
 */
export function advertisedPrice(base: Rational, txCostMultiplier: Rational | undefined): Rational {
  const overhead =
    txCostMultiplier === undefined || base.numerator <= 0n || txCostMultiplier.numerator <= 0n
      ? Rational.of(1n)
      : Rational.of(1n).plus(Rational.of(txCostMultiplier.denominator, txCostMultiplier.numerator));
  const exact = base.times(overhead);
  const cut = Rational.of(exact.times(FIXED_POINT).floor(), FIXED_POINT);
  return carriedPrice(cut.numerator === 0n ? exact : cut);
}

/**
 * A price in numbers that the network can carry: exact, or in whole wei. A part of a wei that is neither is rounded up, as
 * it would be free.
 */
export function carriedPrice(price: Rational): Rational {
  const told = toldPrice(price);
  const isLost = told.numerator === 0n && price.numerator > 0n;
  return isLost ? Rational.of(price.times(FINEST).ceil(), FINEST) : told;
}

function keyOf(gateway: string, capability: number, model: string): string {
  return `${gateway} ${capability} ${model}`;
}
