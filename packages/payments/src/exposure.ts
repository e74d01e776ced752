import type { Address } from "@rivulet/crypto";
import type { L1BlockNumber } from "@rivulet/primitives";
import type { TicketParams } from "./ticket-params.ts";
import { ticketValue } from "./win-probability.ts";

/** Winners are redeemed soon after their parameters expired; by then the deposit itself shows what they cost. */
export const REDEMPTION_BLOCKS = 60n;
/** Chance is allowed for up to so many standard deviations: one in thirty thousand draws of luck goes beyond. */
const DEVIATIONS = 4n;

/** What of parameters tells what their tickets may cost, and how long. */
type Exposed = Pick<
  TicketParams,
  "recipient" | "faceValue" | "winProbability" | "recipientRandHash" | "expirationBlock"
>;

/** Tickets that are out under one set of terms. */
interface Batch {
  readonly recipient: Address;
  readonly faceValue: bigint;
  /** Of one ticket, to the wei. */
  readonly value: bigint;
  readonly expirationBlock: bigint;
  readonly count: bigint;
}

/**
 * What tickets that are out may still cost: on average their value, and with bad luck more. Kept while they can be redeemed
 * and the deposit does not show it yet.
 */
export class Exposure {
  readonly #batches = new Map<string, Batch>();

  add(params: Exposed, count: number): void {
    const key = keyOf(params);
    const before = this.#batches.get(key);
    this.#batches.set(key, batchOf(lastingAs(params, before), (before?.count ?? 0n) + BigInt(count)));
  }

  /** Takes back tickets that were counted and are not made. */
  remove(params: Exposed, count: number): void {
    const key = keyOf(params);
    const before = this.#batches.get(key);
    const left = (before?.count ?? 0n) - BigInt(count);
    if (left > 0n) this.#batches.set(key, batchOf(lastingAs(params, before), left));
    else this.#batches.delete(key);
  }

  /** Drops what was redeemed long ago, if it won. */
  forget(block: L1BlockNumber): void {
    for (const [key, { expirationBlock }] of this.#batches) {
      if (expirationBlock + REDEMPTION_BLOCKS < block) this.#batches.delete(key);
    }
  }

  /** Wei that winners may claim, with `count` more tickets, unless luck is very bad. */
  liabilityWith(params: Exposed, count: number): bigint {
    return liability([...this.#batches.values(), batchOf(params, BigInt(count))]);
  }

  /** The tickets that are out, by recipient. */
  byRecipient(): ReadonlyMap<
    Address,
    { readonly tickets: bigint; readonly value: bigint; readonly liability: bigint }
  > {
    const grouped = Map.groupBy(this.#batches.values(), ({ recipient }) => recipient);
    return new Map(
      [...grouped].map(([recipient, batches]) => [
        recipient,
        {
          tickets: batches.reduce((sum, { count }) => sum + count, 0n),
          value: batches.reduce((sum, { count, value }) => sum + count * value, 0n),
          liability: liability(batches),
        },
      ]),
    );
  }
}

/**
 * The mean of what the winners claim, some deviations, and one winner more: a few large tickets are not normally distributed.
 * One ticket costs `faceValue` with probability `value / faceValue`, so its variance is `value × (faceValue - value)`.
 */
function liability(batches: readonly Batch[]): bigint {
  let mean = 0n;
  let variance = 0n;
  let largest = 0n;
  let most = 0n;
  for (const { count, value, faceValue } of batches) {
    const excess = faceValue - value;
    mean += count * value;
    variance += count * value * excess;
    most += count * faceValue;
    if (excess > largest) largest = excess;
  }
  const likely = mean + DEVIATIONS * squareRoot(variance) + largest;
  return likely < most ? likely : most;
}

function batchOf(params: Exposed, count: bigint): Batch {
  const { recipient, faceValue, expirationBlock } = params;
  const value = ticketValue(params).floor();
  return { recipient, faceValue, expirationBlock, count, value };
}

/** Tickets of the same terms that were told to expire sooner do not end what is out already. */
function lastingAs(params: Exposed, before: Batch | undefined): Exposed {
  if (before === undefined || before.expirationBlock <= params.expirationBlock) return params;
  return { ...params, expirationBlock: before.expirationBlock };
}

/** By all that one ticket may cost, and whom: nothing keeps a recipient from telling two terms with one hash. */
function keyOf({ recipient, recipientRandHash, faceValue, winProbability }: Exposed): string {
  return [recipient, Buffer.from(recipientRandHash).toString("hex"), faceValue, winProbability].join(" ");
}

/** The smallest whole number whose square is not below `value`. */
function squareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root * root < value ? root + 1n : root;
    root = next;
  }
}
