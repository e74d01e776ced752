import { invariant, type Randomness, Rational, RivuletError } from "@rivulet/primitives";

/** One operator that could get a job, as the formula sees it. */
export interface Weighed {
  /** Whose it is: all sessions of one operator share an address. */
  readonly address: string;
  /** Delegated stake, in any unit as long as it is one unit. */
  readonly stake: bigint;
  /** Wei a unit of work. */
  readonly price: Rational;
  /** The latency score, smaller is faster; absent until a job has ended. The published formula does not look at it. */
  readonly latency?: number | undefined;
  /** 0 to 1; absent when nobody measured. Only the published formula looks at it. */
  readonly performance?: number | undefined;
}

/** The chance of each operator, together 1. */
export type Chances = readonly (readonly [Weighed, number])[];

export interface WeightOptions {
  /** Share of pure chance. The three shares add to 1. */
  readonly random: number;
  readonly stake: number;
  readonly price: number;
  /** `F` in e^(−price/F), in wei a unit. */
  readonly priceFactor: number;
  /** Operators measured below this are left out as long as one is above. 0 is no filter. */
  readonly minPerformance: number;
  /** Dearer operators are left out; absent is any price. */
  readonly maxPrice?: Rational;
  /** When all are dearer: take them nevertheless. */
  readonly ignoreMaxPriceIfNeeded: boolean;
}

/** Source: nodes-and-operations 3.7. */
export const defaultWeights: WeightOptions = {
  random: 0.3,
  stake: 0.7,
  price: 0,
  priceFactor: 100,
  minPerformance: 0,
  ignoreMaxPriceIfNeeded: false,
};

/** Three decimal shares rarely add to exactly 1. Source: nodes-and-operations 3.7. */
const TOLERANCE = 1e-4;

/** Refuses weights that do not add to 1. Throws "config.invalid". */
export function checkedWeights(options: WeightOptions): WeightOptions {
  const sum = options.random + options.stake + options.price;
  if (Math.abs(sum - 1) <= TOLERANCE) return options;
  const problem = { path: "gateway.selection", message: `the weights of chance, stake and price add to ${sum}, not 1` };
  throw new RivuletError("config.invalid", { problems: [problem] });
}

/**
 * The chance of each operator to be chosen; empty when none is affordable. The chances add to 1.
 *
 * P(a) = price share · e^(−p/F)/Σ + stake share · s/Σ + random share · 1/k. Where all stakes are 0, or every price
 * underflows, each of the k gets 1/k of that share; the existing node gives each the whole share, and then
 * whoever is enumerated first wins more often than it should. Source: nodes-and-operations 3.7.
 */
export function chances(operators: readonly Weighed[], options: WeightOptions): Chances {
  const kept = affordable(performing(operators, options), options);
  const prices = shares(kept.map(({ price }) => Math.exp(-toNumber(price) / options.priceFactor)));
  const stakes = stakeShares(kept);
  return kept.map((operator, index) => [
    operator,
    options.price * at(prices, index) + options.stake * at(stakes, index) + options.random / kept.length,
  ]);
}

/** Draws one operator by its chance. `undefined` when none is affordable. */
export function drawOperator(
  operators: readonly Weighed[],
  options: WeightOptions,
  randomness: Randomness,
): Weighed | undefined {
  return operatorAt(chances(operators, options), randomness.uniform());
}

/** The operator in whose part of the unit interval a drawn number falls. `undefined` when there is none. */
export function operatorAt(weighed: Chances, drawn: number): Weighed | undefined {
  let sum = 0;
  for (const [operator, chance] of weighed) {
    sum += chance;
    if (drawn <= sum) return operator;
  }
  return weighed[0]?.[0];
}

function performing(operators: readonly Weighed[], { minPerformance }: WeightOptions): readonly Weighed[] {
  if (minPerformance <= 0 || operators.every(({ performance }) => performance === undefined)) return operators;
  const kept = operators.filter(({ performance }) => (performance ?? 0) >= minPerformance);
  return kept.length === 0 ? operators : kept;
}

function affordable(
  operators: readonly Weighed[],
  { maxPrice, ignoreMaxPriceIfNeeded }: WeightOptions,
): readonly Weighed[] {
  if (maxPrice === undefined || maxPrice.compare(Rational.ZERO) <= 0) return operators;
  const kept = operators.filter(({ price }) => price.compare(maxPrice) <= 0);
  return kept.length === 0 && ignoreMaxPriceIfNeeded ? operators : kept;
}

function shares(values: readonly number[]): readonly number[] {
  const sum = values.reduce((a, b) => a + b, 0);
  return values.map((value) => (sum === 0 ? 1 / values.length : value / sum));
}

/** Stakes exceed what a double holds exactly: the division is done on whole numbers scaled by 2^53. */
function stakeShares(operators: readonly Weighed[]): readonly number[] {
  const sum = operators.reduce((total, { stake }) => total + stake, 0n);
  return operators.map(({ stake }) => (sum === 0n ? 1 / operators.length : Number((stake << 53n) / sum) / 2 ** 53));
}

function toNumber(price: Rational): number {
  return Number(price.numerator) / Number(price.denominator);
}

function at(values: readonly number[], index: number): number {
  const value = values[index];
  invariant(value !== undefined, "one share an operator");
  return value;
}
