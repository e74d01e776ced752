import { address } from "@rivulet/crypto";
import {
  type AccountRow,
  type AccountSide,
  type AccountTotals,
  type PeerTotals,
  type RecipientSecret,
  type SignedTickets,
  type TicketHash,
  type TransactionHash,
  ticketHashText,
  type WinnerRecord,
  type WinnerState,
  type WinnerTotals,
  type WinningTicket,
} from "@rivulet/payments";
import { isErrorCode, type Milliseconds, ms, Rational, wei } from "@rivulet/primitives";
import type { Insertable, Selectable } from "kysely";
import type {
  AccountsTable,
  ClosedAccountsTable,
  RecipientSecretsTable,
  ReservedNoncesTable,
  TotalsColumns,
  WinnerStateColumns,
  WinnersTable,
  WinnerTotalsTable,
} from "./schema.ts";

/** The largest whole number a column takes. */
const MAX_INTEGER = 2n ** 63n - 1n;

/** A row that cannot be what was written. */
export class DamagedRow extends Error {
  override readonly name = "DamagedRow";
}

/** Expirations are only compared, so those beyond the column's range may all be its end. */
export function expirationColumn(block: bigint): bigint {
  return block < MAX_INTEGER ? block : MAX_INTEGER;
}

export function secretOf({ generation, secret, created_at }: RecipientSecretsTable): RecipientSecret {
  return { generation, secret, createdAt: ms(created_at) };
}

/** Nothing for a row that knows of no ticket. */
export function signedTicketsOf(row: ReservedNoncesTable): readonly SignedTickets[] {
  const { recipient, face_value, win_probability, recipient_rand_hash, expiration_block, tickets } = row;
  if (recipient === null || face_value === null || win_probability === null) return [];
  return [
    {
      recipient: address(recipient),
      faceValue: BigInt(face_value),
      winProbability: BigInt(win_probability),
      recipientRandHash: recipient_rand_hash,
      expirationBlock: BigInt(expiration_block),
      count: tickets,
    },
  ];
}

export function accountOf(row: AccountsTable): AccountRow {
  return {
    key: { side: sideOf(row.side), peer: address(row.peer), id: row.id },
    ...totalsOf(row),
    ...(row.fixed_price === null ? {} : { fixedPrice: Rational.parse(row.fixed_price) }),
    touchedAt: ms(row.touched_at),
  };
}

export function accountColumns({ key, fixedPrice, touchedAt, ...totals }: AccountRow): AccountsTable {
  return {
    ...key,
    ...totalsColumns(totals),
    fixed_price: fixedPrice === undefined ? null : `${fixedPrice}`,
    touched_at: touchedAt,
  };
}

export function peerTotalsOf(row: ClosedAccountsTable): PeerTotals {
  return { side: sideOf(row.side), peer: address(row.peer), ...totalsOf(row) };
}

export function totalsColumns({ credited, debited, expired, tickets }: AccountTotals): TotalsColumns {
  return { credited: written(credited), debited: written(debited), expired: written(expired), tickets: `${tickets}` };
}

function totalsOf(row: TotalsColumns): AccountTotals {
  return {
    credited: read(row.credited),
    debited: read(row.debited),
    expired: read(row.expired),
    tickets: BigInt(row.tickets),
  };
}

/** Those of some hundred accounts. */
const MAX_SUMS = 1024;
/** What was written last: a payment reads what the one before wrote, and finding lowest terms again is dear. */
const sums = new Map<string, Rational>();

function written(sum: Rational): string {
  const text = `${sum}`;
  sums.delete(text);
  sums.set(text, sum);
  const [oldest] = sums.keys();
  if (sums.size > MAX_SUMS && oldest !== undefined) sums.delete(oldest);
  return text;
}

function read(text: string): Rational {
  return sums.get(text) ?? Rational.parse(text);
}

function sideOf(text: string): AccountSide {
  if (text !== "payer" && text !== "payee") throw new DamagedRow(`an account has no side: ${text}`);
  return text;
}

/** A new winner's row, but for its sequence, which the database gives. */
export function winnerColumns(
  { ticket, signature, recipientRand, paramsExpirationBlock }: WinningTicket,
  hash: TicketHash,
  at: Milliseconds,
): Insertable<WinnersTable> {
  return {
    hash,
    sender: ticket.sender,
    recipient: ticket.recipient,
    face_value: `${ticket.faceValue}`,
    win_probability: `${ticket.winProbability}`,
    sender_nonce: ticket.senderNonce,
    recipient_rand_hash: ticket.recipientRandHash,
    creation_round: `${ticket.expiration.creationRound}`,
    creation_round_block_hash: ticket.expiration.creationRoundBlockHash,
    signature,
    recipient_rand: `${recipientRand}`,
    params_expiration_block: `${paramsExpirationBlock}`,
    won_at: at,
    ...stateColumns({ kind: "queued" }),
    failures: 0,
    last_failure: null,
  };
}

/** Throws `DamagedRow` when the ticket does not have the hash by which it is known: money hangs on every byte of it. */
export function winnerOf(row: Selectable<WinnersTable>): WinnerRecord {
  const winner = {
    ticket: {
      recipient: address(row.recipient),
      sender: address(row.sender),
      faceValue: BigInt(row.face_value),
      winProbability: BigInt(row.win_probability),
      senderNonce: row.sender_nonce,
      recipientRandHash: row.recipient_rand_hash,
      expiration: {
        creationRound: BigInt(row.creation_round),
        creationRoundBlockHash: row.creation_round_block_hash,
      },
    },
    signature: row.signature,
    recipientRand: BigInt(row.recipient_rand),
    paramsExpirationBlock: BigInt(row.params_expiration_block),
  };
  const hash = ticketHashText(winner.ticket);
  if (hash !== row.hash) throw new DamagedRow(`the winner ${row.hash} is not the ticket that was written`);
  return {
    hash,
    sequence: row.sequence,
    winner,
    wonAt: ms(row.won_at),
    state: stateOf(row),
    failures: row.failures,
    ...(row.last_failure === null ? {} : { lastFailure: row.last_failure }),
  };
}

/** A column for all that a state may tell; null where it does not. */
export function stateColumns(state: WinnerState): WinnerStateColumns {
  return {
    state: state.kind,
    transaction_hash: ("transaction" in state ? state.transaction : undefined) ?? null,
    settled_at: "at" in state ? state.at : null,
    paid: "paid" in state ? `${state.paid}` : null,
    gas_cost: "gasCost" in state ? `${state.gasCost}` : null,
    why: "why" in state ? state.why : null,
    reason: "reason" in state ? state.reason : null,
  };
}

export function stateOf(row: WinnerStateColumns): WinnerState {
  const transaction = row.transaction_hash === null ? undefined : transactionOf(row.transaction_hash);
  const at = ms(row.settled_at ?? 0);
  const gasCost = wei(BigInt(row.gas_cost ?? 0));
  if (row.state === "queued") return { kind: "queued" };
  if (row.state === "handed-over") return { kind: "handed-over", at };
  if (row.state === "submitted" && transaction !== undefined) return { kind: "submitted", transaction, at };
  if (row.state === "redeemed" && transaction !== undefined)
    return { kind: "redeemed", transaction, paid: wei(BigInt(row.paid ?? 0)), gasCost, at };
  if (row.state === "lost") {
    const why = row.why !== null && isErrorCode(row.why) ? row.why : "internal";
    return {
      kind: "lost",
      why,
      reason: row.reason ?? "",
      at,
      ...(transaction === undefined ? {} : { transaction }),
      gasCost,
    };
  }
  throw new DamagedRow(`a winner has no state: ${row.state}`);
}

export function winnerTotalsOf(row: WinnerTotalsTable): WinnerTotals {
  return {
    state: kindOf(row.state),
    count: BigInt(row.count),
    faceValue: BigInt(row.face_value),
    paid: BigInt(row.paid),
    gasCost: BigInt(row.gas_cost),
  };
}

export function winnerTotalsColumns({ state, count, faceValue, paid, gasCost }: WinnerTotals): WinnerTotalsTable {
  return { state, count: `${count}`, face_value: `${faceValue}`, paid: `${paid}`, gas_cost: `${gasCost}` };
}

const kinds: readonly WinnerState["kind"][] = ["queued", "handed-over", "submitted", "redeemed", "lost"];

function kindOf(text: string): WinnerState["kind"] {
  const kind = kinds.find((each) => each === text);
  if (kind === undefined) throw new DamagedRow(`winners have no state ${text}`);
  return kind;
}

function transactionOf(text: string): TransactionHash {
  if (!/^0x[0-9a-f]{64}$/i.test(text)) throw new DamagedRow(`not the hash of a transaction: ${text}`);
  return `0x${text.slice(2)}`;
}
