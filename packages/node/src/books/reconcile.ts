import type { Chain } from "@rivulet/chain";
import { type AccountSide, balanceOf, type PaymentStore, type PeerTotals, type WinnerRecord } from "@rivulet/payments";
import { Rational } from "@rivulet/primitives";
import { allWinners } from "./tickets.ts";

/** The books of one node, by a name for people. */
export interface NamedBooks {
  readonly name: string;
  readonly payments: PaymentStore;
}

/** One thing that was compared. */
export interface Comparison {
  readonly what: string;
  readonly isRight: boolean;
  /** What was found, or how the two differ. */
  readonly found: string;
}

export interface Reconciliation {
  readonly comparisons: readonly Comparison[];
  /** Sums over all books, in exact wei. */
  readonly sums: Readonly<Record<AccountSide, SideSums>>;
  /** Whole wei that winners brought, and what redeeming them cost. */
  readonly redeemed: bigint;
  readonly gasCost: bigint;
  /** Face values of winners that wait, and of those that are lost. */
  readonly waiting: bigint;
  readonly lost: bigint;
}

export interface SideSums {
  readonly credited: Rational;
  readonly debited: Rational;
  readonly expired: Rational;
  readonly tickets: bigint;
}

/**
 * Compares ledgers, tickets and chain, to the wei. Money is never made or lost, so:
 *
 * - what a peer's accounts hold is what was paid in, less what was charged and what was closed;
 * - nobody credits what nobody paid: payees have credited at most what payers booked, and counted at most their tickets;
 * - a winner that was redeemed is used on the chain, for the amount that is written down; one that waits or is lost is not,
 *   unless its node was stopped between the transaction and the writing of it.
 */
export async function reconcile(
  books: readonly NamedBooks[],
  chain: Pick<Chain, "broker"> | undefined,
  signal?: AbortSignal,
): Promise<Reconciliation> {
  const comparisons: Comparison[] = [];
  const all: PeerTotals[] = [];
  const amounts = { redeemed: 0n, gasCost: 0n, waiting: 0n, lost: 0n };
  for (const { name, payments } of books) {
    const totals = await payments.totals();
    all.push(...totals);
    comparisons.push(...(await compareAccounts(name, payments, totals)));
    for await (const record of allWinners(payments)) {
      const { state, winner } = record;
      const { faceValue } = winner.ticket;
      if (state.kind === "redeemed") amounts.redeemed += state.paid;
      if (state.kind === "redeemed" || state.kind === "lost") amounts.gasCost += state.gasCost;
      if (state.kind === "queued" || state.kind === "submitted") amounts.waiting += faceValue;
      if (state.kind === "lost") amounts.lost += faceValue;
      const compared = chain === undefined ? undefined : await compareWinner(name, record, chain, signal);
      if (compared !== undefined) comparisons.push(compared);
    }
  }
  const sums = { payer: sumOf(all, "payer"), payee: sumOf(all, "payee") };
  if (books.length > 1) comparisons.push(...compareSides(sums));
  return { comparisons, sums, ...amounts };
}

/** What the open accounts of a peer hold against its totals: closed accounts hold nothing. */
async function compareAccounts(
  name: string,
  payments: PaymentStore,
  totals: readonly PeerTotals[],
): Promise<readonly Comparison[]> {
  const open = new Map<string, Rational>();
  for (const row of await payments.accounts()) {
    const key = `${row.key.side} ${row.key.peer}`;
    open.set(key, (open.get(key) ?? Rational.ZERO).plus(balanceOf(row)));
  }
  return totals.map((total) => {
    const key = `${total.side} ${total.peer}`;
    const held = open.get(key) ?? Rational.ZERO;
    const left = balanceOf(total);
    const isRight = held.compare(left) === 0;
    return {
      what: `${name}: account as ${total.side} with ${total.peer}`,
      isRight,
      found: isRight ? `${held.toFixed(3)} wei left` : `${held} wei left, ${left} wei by its totals`,
    };
  });
}

async function compareWinner(
  name: string,
  { hash, state, winner }: WinnerRecord,
  { broker }: Pick<Chain, "broker">,
  signal: AbortSignal | undefined,
): Promise<Comparison> {
  const what = `${name}: winner ${hash}`;
  if (state.kind === "redeemed") {
    const paid = (await broker.redemption(winner, state.transaction, signal))?.paid;
    const written = `${state.paid} wei by the books`;
    return paid === state.paid
      ? { what, isRight: true, found: `redeemed for ${paid} wei` }
      : { what, isRight: false, found: `${written}, ${paid ?? "nothing"} by the chain` };
  }
  const isUsed = await broker.isUsed(hash, signal);
  const how = state.kind === "lost" ? `lost: ${state.why}` : "waits to be redeemed";
  // One that waits may be paid already: its node was stopped before it wrote that down, and will.
  const isRight = !isUsed || state.kind !== "lost" || state.why === "chain.ticket-used";
  return { what, isRight, found: isUsed ? `${how}; used on the chain` : how };
}

function compareSides({ payer, payee }: Readonly<Record<AccountSide, SideSums>>): readonly Comparison[] {
  return [
    {
      what: "credit that payees took, against credit that payers booked",
      isRight: payee.credited.compare(payer.credited) <= 0,
      found: `${payee.credited.toFixed(3)} of ${payer.credited.toFixed(3)} wei`,
    },
    {
      what: "tickets that payees took, against tickets that payers made",
      isRight: payee.tickets <= payer.tickets,
      found: `${payee.tickets} of ${payer.tickets}`,
    },
  ];
}

function sumOf(totals: readonly PeerTotals[], side: AccountSide): SideSums {
  const mine = totals.filter((total) => total.side === side);
  const sum = (pick: (total: PeerTotals) => Rational) => mine.reduce((all, one) => all.plus(pick(one)), Rational.ZERO);
  return {
    credited: sum(({ credited }) => credited),
    debited: sum(({ debited }) => debited),
    expired: sum(({ expired }) => expired),
    tickets: mine.reduce((all, { tickets }) => all + tickets, 0n),
  };
}
