import { type L1BlockNumber, type Milliseconds, RivuletError } from "@rivulet/primitives";
import {
  type AccountChange,
  type AccountKey,
  type AccountRow,
  accountText,
  addTotals,
  changedAccount,
  closedTotals,
  NO_TOTALS,
  type PeerTotals,
} from "./account.ts";
import { NonceWindow } from "./nonce-window.ts";
import type {
  NonceReservation,
  NonceState,
  PaymentStore,
  PaymentToTake,
  RecipientSecret,
  SignedTickets,
  TakenPayment,
  WinnerQuery,
  WinnerRecord,
  WinnerState,
  WinnerTotals,
} from "./ports.ts";
import { type TicketHash, ticketHashText, type WinningTicket } from "./ticket.ts";

/** The secrets that are kept: the one in use, and the one before for parameters that are still out. */
const SECRETS_KEPT = 2;
const LAST_NONCE = 2 ** 32 - 1;

interface Nonces {
  readonly expirationBlock: bigint;
  readonly window: NonceWindow;
}

interface Mark {
  readonly expirationBlock: bigint;
  readonly last: number;
  readonly signed: SignedTickets | undefined;
}

/**
 * A store that forgets everything with the process: for tests, and for a gateway that would rather lose credit than write.
 *
 * Its secret dies with its nonces, so that a recipient on it is safe from replays; winners that were not redeemed are lost.
 */
export class MemoryPaymentStore implements PaymentStore {
  #secrets: readonly RecipientSecret[] = [];
  readonly #nonces = new Map<string, Nonces>();
  readonly #marks = new Map<string, Mark>();
  #forgottenTo = -1n;
  readonly #winners = new Map<TicketHash, WinnerRecord>();
  readonly #accounts = new Map<string, AccountRow>();
  /** Of closed accounts. */
  readonly #closed = new Map<string, PeerTotals>();

  async recipientSecrets(): Promise<readonly RecipientSecret[]> {
    return this.#secrets;
  }

  async addRecipientSecret(secret: RecipientSecret): Promise<void> {
    this.#secrets = [secret, ...this.#secrets].sort((a, b) => b.generation - a.generation).slice(0, SECRETS_KEPT);
  }

  async take(payment: PaymentToTake): Promise<TakenPayment> {
    const nonces = this.#takeNonces(payment);
    const refused = nonces.findIndex((state) => state !== "fresh");
    const credited = Math.min(refused === -1 ? nonces.length : refused, payment.creditable);
    if (credited > 0) {
      const hasPrice = this.#accounts.get(accountText(payment.account))?.fixedPrice !== undefined;
      this.#change({
        key: payment.account,
        credited: payment.ticketValue.times(BigInt(credited)),
        tickets: BigInt(credited),
        ...(hasPrice || payment.fixedPrice === undefined ? {} : { fixedPrice: payment.fixedPrice }),
        touchedAt: payment.at,
      });
    }
    return { nonces, credited, winners: this.#queue(payment.winners, payment.at) };
  }

  async forgetNonces(block: L1BlockNumber): Promise<void> {
    if (block <= this.#forgottenTo) return;
    this.#forgottenTo = block;
    for (const kept of [this.#nonces, this.#marks]) {
      for (const [key, { expirationBlock }] of kept) if (expirationBlock <= block) kept.delete(key);
    }
  }

  async addWinners(winners: readonly WinningTicket[], at: Milliseconds): Promise<readonly WinnerRecord[]> {
    return this.#queue(winners, at);
  }

  async setWinner(hash: TicketHash, state: WinnerState, failure?: string): Promise<void> {
    const record = this.#winners.get(hash);
    if (record === undefined) throw new RivuletError("internal", { reason: `no such winner: ${hash}` });
    this.#winners.set(hash, {
      ...record,
      state,
      ...(failure === undefined ? {} : { failures: record.failures + 1, lastFailure: failure }),
    });
  }

  async winners({ states, sender, after = 0, limit }: WinnerQuery): Promise<readonly WinnerRecord[]> {
    return [...this.#winners.values()]
      .filter(
        ({ state, winner, sequence }) =>
          sequence > after &&
          (states === undefined || states.includes(state.kind)) &&
          (sender === undefined || winner.ticket.sender === sender),
      )
      .slice(0, limit);
  }

  async winnerTotals(): Promise<readonly WinnerTotals[]> {
    const totals = new Map<string, WinnerTotals>();
    for (const { state, winner } of this.#winners.values()) {
      const sum = totals.get(state.kind) ?? { state: state.kind, count: 0n, faceValue: 0n, paid: 0n, gasCost: 0n };
      totals.set(state.kind, {
        state: state.kind,
        count: sum.count + 1n,
        faceValue: sum.faceValue + winner.ticket.faceValue,
        paid: sum.paid + ("paid" in state ? state.paid : 0n),
        gasCost: sum.gasCost + ("gasCost" in state ? state.gasCost : 0n),
      });
    }
    return [...totals.values()];
  }

  async reserveNonces({
    recipientRandHash,
    expirationBlock,
    count,
    limit = LAST_NONCE,
    account,
    ticket,
  }: NonceReservation): Promise<number | undefined> {
    const key = textOf(recipientRandHash);
    const mark = this.#marks.get(key);
    const first = (mark?.last ?? 0) + 1;
    const last = first + count - 1;
    if (last > limit) return undefined;
    const signed = ticket && {
      ...ticket,
      recipientRandHash,
      expirationBlock,
      count: (mark?.signed?.count ?? 0) + count,
    };
    this.#marks.set(key, { expirationBlock, last, signed: signed ?? mark?.signed });
    if (account !== undefined) this.#change(account);
    return first;
  }

  async signedTickets(block: L1BlockNumber): Promise<readonly SignedTickets[]> {
    return [...this.#marks.values()].flatMap(({ expirationBlock, signed }) =>
      signed === undefined || expirationBlock <= block ? [] : [signed],
    );
  }

  async accounts(): Promise<readonly AccountRow[]> {
    return [...this.#accounts.values()];
  }

  async apply(changes: readonly AccountChange[]): Promise<void> {
    for (const change of changes) this.#change(change);
  }

  async close(accounts: readonly AccountKey[]): Promise<void> {
    for (const key of accounts) {
      const row = this.#accounts.get(accountText(key));
      if (row === undefined) continue;
      this.#accounts.delete(accountText(key));
      addTo(this.#closed, { side: key.side, peer: key.peer, ...closedTotals(row) });
    }
  }

  async totals(): Promise<readonly PeerTotals[]> {
    const totals = new Map(this.#closed);
    for (const row of this.#accounts.values()) addTo(totals, { ...row, side: row.key.side, peer: row.key.peer });
    return [...totals.values()];
  }

  #takeNonces({ recipientRandHash, expirationBlock, nonces }: PaymentToTake): readonly NonceState[] {
    if (expirationBlock <= this.#forgottenTo) return nonces.map(() => "forgotten");
    const key = textOf(recipientRandHash);
    const { window } = this.#nonces.get(key) ?? { window: NonceWindow.empty() };
    const states = nonces.map((nonce) => window.take(nonce));
    if (window.count > 0) this.#nonces.set(key, { expirationBlock, window });
    return states;
  }

  #queue(winners: readonly WinningTicket[], at: Milliseconds): readonly WinnerRecord[] {
    const fresh: WinnerRecord[] = [];
    for (const winner of winners) {
      const hash = ticketHashText(winner.ticket);
      if (this.#winners.has(hash)) continue;
      const state = { kind: "queued" } as const;
      const record = { hash, sequence: this.#winners.size + 1, winner, wonAt: at, state, failures: 0 };
      this.#winners.set(hash, record);
      fresh.push(record);
    }
    return fresh;
  }

  #change(change: AccountChange): void {
    const key = accountText(change.key);
    this.#accounts.set(key, changedAccount(this.#accounts.get(key), change));
  }
}

function addTo(totals: Map<string, PeerTotals>, { side, peer, credited, debited, expired, tickets }: PeerTotals): void {
  const key = `${side} ${peer}`;
  const added = addTotals(totals.get(key) ?? NO_TOTALS, { credited, debited, expired, tickets });
  totals.set(key, { side, peer, ...added });
}

function textOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString("hex");
}
