import { Rational, RivuletError } from "@rivulet/primitives";
import type { Chances, Weighed } from "./weights.ts";

/** How much each quality of an operator decides. The four shares add to 1. */
export interface MeasuredWeights {
  readonly stake: number;
  readonly price: number;
  /** By the latency scores of its jobs here. */
  readonly speed: number;
  /** Everybody's part, whatever the rest: who gets no jobs is never measured. */
  readonly random: number;
}

/** Source: docs/decisions/0010. */
export const measuredWeights: MeasuredWeights = { stake: 0.3, price: 0.3, speed: 0.3, random: 0.1 };

/** Three decimal shares rarely add to exactly 1. */
const TOLERANCE = 1e-4;

/** Refuses weights that do not add to 1, or are below 0. Throws "config.invalid". */
export function checkedMeasuredWeights(weights: MeasuredWeights): MeasuredWeights {
  const all = [weights.stake, weights.price, weights.speed, weights.random];
  const sum = all.reduce((a, b) => a + b, 0);
  if (Math.abs(sum - 1) <= TOLERANCE && all.every((each) => each >= 0)) return weights;
  const problem = { path: "gateway.selection", message: `the weights of stake, price, speed and chance add to ${sum}` };
  throw new RivuletError("config.invalid", { problems: [problem] });
}

/**
 * The chance of each operator to get the next job; the chances add to 1.
 *
 * P(a) = stake · s/Σs + price · c/Σc + speed · v/Σv + random · 1/k, where c = (cheapest/p)² and v = (fastest/t)². Prices and
 * times are compared with each other and not with a constant, so that they count at any scale: twice as dear, or twice as
 * slow, is a quarter of the share. Who was never measured counts as the fastest, so that it is measured soon.
 */
export function measuredChances(operators: readonly Weighed[], weights: MeasuredWeights): Chances {
  const stakes = sharesOf(wholeShares(operators.map(({ stake }) => stake)));
  const prices = sharesOf(cheapness(operators.map(({ price }) => price)));
  const speeds = sharesOf(quickness(operators.map(({ latency }) => latency)));
  const even = 1 / operators.length;
  return operators.map((operator, index) => [
    operator,
    weights.stake * (stakes[index] ?? even) +
      weights.price * (prices[index] ?? even) +
      weights.speed * (speeds[index] ?? even) +
      weights.random * even,
  ]);
}

/** Parts of one, as doubles: the numbers themselves exceed what a double holds exactly. */
function wholeShares(values: readonly bigint[]): readonly number[] {
  const sum = values.reduce((a, b) => a + b, 0n);
  return values.map((value) => (sum === 0n ? 0 : ratio(value, sum)));
}

function cheapness(prices: readonly Rational[]): readonly number[] {
  const cheapest = prices.reduce((a, b) => (a.compare(b) <= 0 ? a : b), prices[0] ?? Rational.ZERO);
  return prices.map((price) => {
    if (price.compare(cheapest) <= 0) return 1;
    return ratio(cheapest.numerator * price.denominator, cheapest.denominator * price.numerator) ** 2;
  });
}

function quickness(latencies: readonly (number | undefined)[]): readonly number[] {
  const fastest = Math.min(...latencies.filter((latency) => latency !== undefined));
  return latencies.map((latency) => (latency === undefined || latency <= 0 ? 1 : (fastest / latency) ** 2));
}

/** `a / b` for whole numbers of any size, `a` not above `b`. */
function ratio(a: bigint, b: bigint): number {
  return Number((a << 53n) / b) / 2 ** 53;
}

/** Each part of the sum; even parts where the sum is zero. */
function sharesOf(values: readonly number[]): readonly number[] {
  const sum = values.reduce((a, b) => a + b, 0);
  return values.map((value) => (sum > 0 ? value / sum : 1 / values.length));
}
