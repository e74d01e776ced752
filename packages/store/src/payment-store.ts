import {
  type AccountChange,
  type AccountKey,
  type AccountRow,
  addTotals,
  changedAccount,
  closedTotals,
  NO_TOTALS,
  type NonceReservation,
  type NonceState,
  NonceWindow,
  type PaymentStore,
  type PaymentToTake,
  type PeerTotals,
  type RecipientSecret,
  type SignedTickets,
  type TakenPayment,
  type TicketHash,
  ticketHashText,
  type WinnerQuery,
  type WinnerRecord,
  type WinnerState,
  type WinnerTotals,
  type WinningTicket,
} from "@rivulet/payments";
import { type L1BlockNumber, type Milliseconds, RivuletError } from "@rivulet/primitives";
import { prepared, query } from "./query.ts";
import {
  accountColumns,
  accountOf,
  expirationColumn,
  peerTotalsOf,
  secretOf,
  signedTicketsOf,
  stateColumns,
  stateOf,
  totalsColumns,
  winnerColumns,
  winnerOf,
  winnerTotalsColumns,
  winnerTotalsOf,
} from "./rows.ts";
import type { AccountsTable, ReceivedNoncesTable, ReservedNoncesTable } from "./schema.ts";
import type { Sqlite, Transaction } from "./sqlite.ts";

/** The secrets that are kept: the one in use, and the one before for parameters that are still out. */
const SECRETS_KEPT = 2;
const LAST_NONCE = 2 ** 32 - 1;
/** The setting under which `forgetNonces` leaves its block. */
const FORGOTTEN_TO = "nonces.forgotten-to";

/**
 * What must survive of payments, in an embedded database.
 *
 * Nonces, credit and fees have survived this process when a call resolves; secrets and winners, a power failure, too: they
 * cannot be had again. After a power failure that may have taken back nonces, `forgetAfterPowerFailure` sees to it that
 * nothing is credited twice.
 */
export class SqlitePaymentStore implements PaymentStore {
  readonly #sqlite: Sqlite;

  constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite;
  }

  recipientSecrets(): Promise<readonly RecipientSecret[]> {
    return this.#sqlite.read((transaction) =>
      transaction
        .all(query.selectFrom("recipient_secrets").selectAll().orderBy("generation", "desc"))
        .map((row) => secretOf(row)),
    );
  }

  async addRecipientSecret({ generation, secret, createdAt }: RecipientSecret): Promise<void> {
    await this.#sqlite.write("power", (transaction) => {
      const row = { generation, secret, created_at: createdAt };
      transaction.run(query.insertInto("recipient_secrets").values(row));
      const kept = query
        .selectFrom("recipient_secrets")
        .select("generation")
        .orderBy("generation", "desc")
        .limit(SECRETS_KEPT);
      transaction.run(query.deleteFrom("recipient_secrets").where("generation", "not in", kept));
    });
  }

  take(payment: PaymentToTake): Promise<TakenPayment> {
    return this.#sqlite.write(payment.winners.length > 0 ? "power" : "process", (transaction) => {
      const nonces = takeNonces(transaction, payment);
      const refused = nonces.findIndex((state) => state !== "fresh");
      const credited = Math.min(refused === -1 ? nonces.length : refused, payment.creditable);
      if (credited > 0) credit(transaction, payment, credited);
      return { nonces, credited, winners: queue(transaction, payment.winners, payment.at) };
    });
  }

  async forgetNonces(block: L1BlockNumber): Promise<void> {
    await this.#sqlite.write("process", (transaction) => {
      if (block <= forgottenTo(transaction)) return;
      const setting = { key: FORGOTTEN_TO, value: `${block}` };
      transaction.run(query.replaceInto("settings").values(setting));
      for (const table of ["received_nonces", "reserved_nonces"] as const)
        transaction.run(query.deleteFrom(table).where("expiration_block", "<=", expirationColumn(block)));
    });
  }

  addWinners(winners: readonly WinningTicket[], at: Milliseconds): Promise<readonly WinnerRecord[]> {
    return this.#sqlite.write("power", (transaction) => queue(transaction, winners, at));
  }

  async setWinner(hash: TicketHash, state: WinnerState, failure?: string): Promise<void> {
    await this.#sqlite.write("power", (transaction) => {
      const row = transaction.first(query.selectFrom("winners").selectAll().where("hash", "=", hash));
      if (row === undefined) throw new RivuletError("internal", { reason: `no such winner: ${hash}` });
      const failures = failure === undefined ? {} : { failures: row.failures + 1, last_failure: failure };
      const change = { ...stateColumns(state), ...failures };
      transaction.run(query.updateTable("winners").set(change).where("hash", "=", hash));
      addToTotals(transaction, stateOf(row), -1n, BigInt(row.face_value));
      addToTotals(transaction, state, 1n, BigInt(row.face_value));
    });
  }

  winners({ states, sender, after, limit }: WinnerQuery): Promise<readonly WinnerRecord[]> {
    let found = query.selectFrom("winners").selectAll().orderBy("sequence").limit(limit);
    if (states !== undefined) found = found.where("state", "in", states);
    if (sender !== undefined) found = found.where("sender", "=", sender);
    if (after !== undefined) found = found.where("sequence", ">", after);
    return this.#sqlite.read((transaction) => transaction.all(found).map((row) => winnerOf(row)));
  }

  winnerTotals(): Promise<readonly WinnerTotals[]> {
    return this.#sqlite.read((transaction) =>
      transaction
        .all(query.selectFrom("winner_totals").selectAll())
        .map((row) => winnerTotalsOf(row))
        .filter(({ count }) => count > 0n),
    );
  }

  reserveNonces(reservation: NonceReservation): Promise<number | undefined> {
    const { recipientRandHash, expirationBlock, count, limit = LAST_NONCE, account, ticket } = reservation;
    return this.#sqlite.write("process", (transaction) => {
      const before = transaction.first(reservedNonces({ recipient_rand_hash: recipientRandHash }));
      const first = (before?.last ?? 0) + 1;
      const last = first + count - 1;
      if (last > limit) return undefined;
      transaction.run(
        reserve({
          recipient_rand_hash: recipientRandHash,
          expiration_block: expirationColumn(expirationBlock),
          last,
          recipient: ticket?.recipient ?? before?.recipient ?? null,
          face_value: ticket === undefined ? (before?.face_value ?? null) : `${ticket.faceValue}`,
          win_probability: ticket === undefined ? (before?.win_probability ?? null) : `${ticket.winProbability}`,
          tickets: (before?.tickets ?? 0) + (ticket === undefined ? 0 : count),
        }),
      );
      if (account !== undefined) change(transaction, account);
      return first;
    });
  }

  signedTickets(block: L1BlockNumber): Promise<readonly SignedTickets[]> {
    const valid = query
      .selectFrom("reserved_nonces")
      .selectAll()
      .where("expiration_block", ">", expirationColumn(block))
      .where("expiration_block", "<", LAST_READABLE_BLOCK)
      .where("tickets", ">", 0);
    return this.#sqlite.read((transaction) => transaction.all(valid).flatMap((row) => signedTicketsOf(row)));
  }

  accounts(): Promise<readonly AccountRow[]> {
    return this.#sqlite.read((transaction) =>
      transaction.all(query.selectFrom("accounts").selectAll()).map((row) => accountOf(row)),
    );
  }

  async apply(changes: readonly AccountChange[]): Promise<void> {
    await this.#sqlite.write("process", (transaction) => {
      for (const each of changes) change(transaction, each);
    });
  }

  async close(accounts: readonly AccountKey[]): Promise<void> {
    await this.#sqlite.write("process", (transaction) => {
      for (const key of accounts) closeAccount(transaction, key);
    });
  }

  totals(): Promise<readonly PeerTotals[]> {
    return this.#sqlite.read((transaction) => {
      const totals = new Map<string, PeerTotals>();
      const add = (each: PeerTotals) => {
        const key = `${each.side} ${each.peer}`;
        totals.set(key, { side: each.side, peer: each.peer, ...addTotals(totals.get(key) ?? NO_TOTALS, each) });
      };
      for (const row of transaction.all(query.selectFrom("closed_accounts").selectAll())) add(peerTotalsOf(row));
      for (const row of transaction.all(query.selectFrom("accounts").selectAll())) {
        const { key, ...account } = accountOf(row);
        add({ side: key.side, peer: key.peer, ...account });
      }
      return [...totals.values()];
    });
  }

  /** Takes settled winners away that are older than `before`. What they add up to is kept. */
  async pruneWinners(before: Milliseconds): Promise<number> {
    return await this.#sqlite.write("process", (transaction) =>
      transaction.run(
        query
          .deleteFrom("winners")
          .where("state", "in", ["redeemed", "lost", "handed-over"])
          .where("settled_at", "<", before),
      ),
    );
  }

  /**
   * Call when the last second's nonces may be lost: no parameters issued before are taken any more, as the numbers that
   * prove them come from secrets that are forgotten; and nonces that were reserved are left behind.
   */
  async forgetAfterPowerFailure(): Promise<void> {
    await this.#sqlite.write("power", (transaction) => {
      transaction.run(query.deleteFrom("recipient_secrets"));
      transaction.run(
        query.updateTable("reserved_nonces").set(({ eb }) => ({ last: eb("last", "+", NONCES_OF_A_SECOND) })),
      );
    });
  }
}

/** More than anybody reserves for one set of parameters between two checkpoints: recipients take no more than 600 at all. */
const NONCES_OF_A_SECOND = 100_000;

/** A column is read as a number. Senders keep nothing in mind that lasts so long. */
const LAST_READABLE_BLOCK = BigInt(Number.MAX_SAFE_INTEGER);

// What each payment runs.
const receivedRuns = prepared(({ recipient_rand_hash }: Pick<ReceivedNoncesTable, "recipient_rand_hash">) =>
  query.selectFrom("received_nonces").select("runs").where("recipient_rand_hash", "=", recipient_rand_hash),
);
const receive = prepared(({ recipient_rand_hash, expiration_block, runs }: ReceivedNoncesTable) =>
  query.replaceInto("received_nonces").values({ recipient_rand_hash, expiration_block, runs }),
);
const forgottenBlock = prepared(() => query.selectFrom("settings").select("value").where("key", "=", FORGOTTEN_TO));
const reservedNonces = prepared(({ recipient_rand_hash }: Pick<ReservedNoncesTable, "recipient_rand_hash">) =>
  query
    .selectFrom("reserved_nonces")
    .select(["last", "tickets", "recipient", "face_value", "win_probability"])
    .where("recipient_rand_hash", "=", recipient_rand_hash),
);
const reserve = prepared((row: ReservedNoncesTable) =>
  query.replaceInto("reserved_nonces").values({
    recipient_rand_hash: row.recipient_rand_hash,
    expiration_block: row.expiration_block,
    last: row.last,
    recipient: row.recipient,
    face_value: row.face_value,
    win_probability: row.win_probability,
    tickets: row.tickets,
  }),
);
const accountByKey = prepared(({ side, peer, id }: AccountKey) =>
  query.selectFrom("accounts").selectAll().where("side", "=", side).where("peer", "=", peer).where("id", "=", id),
);
const replaceAccount = prepared((row: AccountsTable) =>
  query.replaceInto("accounts").values({
    side: row.side,
    peer: row.peer,
    id: row.id,
    credited: row.credited,
    debited: row.debited,
    expired: row.expired,
    tickets: row.tickets,
    fixed_price: row.fixed_price,
    touched_at: row.touched_at,
  }),
);

function takeNonces(
  transaction: Transaction,
  { recipientRandHash, expirationBlock, nonces }: PaymentToTake,
): readonly NonceState[] {
  if (expirationBlock <= forgottenTo(transaction)) return nonces.map(() => "forgotten");
  if (nonces.length === 0) return [];
  const before = transaction.first(receivedRuns({ recipient_rand_hash: recipientRandHash }))?.runs ?? "";
  const window = NonceWindow.parse(before);
  const states = nonces.map((nonce) => window.take(nonce));
  if (`${window}` !== before)
    transaction.run(
      receive({
        recipient_rand_hash: recipientRandHash,
        expiration_block: expirationColumn(expirationBlock),
        runs: `${window}`,
      }),
    );
  return states;
}

function forgottenTo(transaction: Transaction): bigint {
  return BigInt(transaction.first(forgottenBlock({}))?.value ?? -1);
}

function credit(transaction: Transaction, payment: PaymentToTake, count: number): void {
  const { account: key, ticketValue, fixedPrice, at } = payment;
  const row = findAccount(transaction, key);
  const price = row?.fixedPrice ?? fixedPrice;
  const tickets = BigInt(count);
  putAccount(
    transaction,
    changedAccount(row, {
      key,
      credited: ticketValue.times(tickets),
      tickets,
      ...(price === undefined ? {} : { fixedPrice: price }),
      touchedAt: at,
    }),
  );
}

function change(transaction: Transaction, each: AccountChange): void {
  putAccount(transaction, changedAccount(findAccount(transaction, each.key), each));
}

function findAccount(transaction: Transaction, key: AccountKey): AccountRow | undefined {
  const row = transaction.first(accountByKey(key));
  return row === undefined ? undefined : accountOf(row);
}

function putAccount(transaction: Transaction, row: AccountRow): void {
  transaction.run(replaceAccount(accountColumns(row)));
}

function closeAccount(transaction: Transaction, key: AccountKey): void {
  const row = findAccount(transaction, key);
  if (row === undefined) return;
  const { side, peer, id } = key;
  transaction.run(query.deleteFrom("accounts").where("side", "=", side).where("peer", "=", peer).where("id", "=", id));
  const before = transaction.first(
    query.selectFrom("closed_accounts").selectAll().where("side", "=", side).where("peer", "=", peer),
  );
  const sums = addTotals(before === undefined ? NO_TOTALS : peerTotalsOf(before), closedTotals(row));
  transaction.run(query.replaceInto("closed_accounts").values({ side, peer, ...totalsColumns(sums) }));
}

function queue(transaction: Transaction, winners: readonly WinningTicket[], at: Milliseconds): readonly WinnerRecord[] {
  const fresh: WinnerRecord[] = [];
  for (const winner of winners) {
    const hash = ticketHashText(winner.ticket);
    const row = transaction.first(
      query
        .insertInto("winners")
        .values(winnerColumns(winner, hash, at))
        .onConflict((conflict) => conflict.column("hash").doNothing())
        .returningAll(),
    );
    if (row === undefined) continue;
    fresh.push(winnerOf(row));
    addToTotals(transaction, { kind: "queued" }, 1n, winner.ticket.faceValue);
  }
  return fresh;
}

/** The sums over winners go along with each change, so that nobody has to read all winners, nor keep them for it. */
function addToTotals(transaction: Transaction, state: WinnerState, count: bigint, faceValue: bigint): void {
  const known = transaction.first(query.selectFrom("winner_totals").selectAll().where("state", "=", state.kind));
  const sum =
    known === undefined
      ? { state: state.kind, count: 0n, faceValue: 0n, paid: 0n, gasCost: 0n }
      : winnerTotalsOf(known);
  const sums: WinnerTotals = {
    state: state.kind,
    count: sum.count + count,
    faceValue: sum.faceValue + count * faceValue,
    paid: sum.paid + ("paid" in state ? count * state.paid : 0n),
    gasCost: sum.gasCost + ("gasCost" in state ? count * state.gasCost : 0n),
  };
  transaction.run(query.replaceInto("winner_totals").values(winnerTotalsColumns(sums)));
}
