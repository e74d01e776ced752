import type { PaymentStore, PeerTotals, WinnerRecord, WinnerState, WinnerTotals } from "@rivulet/payments";

/** A node's tickets: those it sent or took, and what became of the winners. */
export interface TicketReport {
  /** By side and peer, since the books began. */
  readonly peers: readonly PeerTotals[];
  /** Winners by what became of them. */
  readonly totals: readonly WinnerTotals[];
  /** The newest winners, oldest first. */
  readonly winners: readonly WinnerRecord[];
}

/** Winners read at once. */
const PAGE = 500;

/** Reads what a node knows of its tickets. */
export async function ticketReport(
  store: PaymentStore,
  { states, limit }: { readonly states?: readonly WinnerState["kind"][]; readonly limit: number },
): Promise<TicketReport> {
  const [peers, totals] = await Promise.all([store.totals(), store.winnerTotals()]);
  const winners: WinnerRecord[] = [];
  for await (const winner of allWinners(store, states)) {
    winners.push(winner);
    if (winners.length > limit) winners.shift();
  }
  return { peers, totals, winners };
}

/** Every winner of a store, oldest first. */
export async function* allWinners(
  store: Pick<PaymentStore, "winners">,
  states?: readonly WinnerState["kind"][],
): AsyncGenerator<WinnerRecord> {
  for (let after = 0; ; ) {
    const page = await store.winners({ after, limit: PAGE, ...(states === undefined ? {} : { states }) });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last.sequence;
  }
}
