import { chmodSync, closeSync, fsyncSync, openSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { type Clock, invariant, type Logger, RivuletError, silentLogger } from "@rivulet/primitives";
import type { Compilable } from "kysely";
import { Checkpoints } from "./checkpoints.ts";
import { ownFile } from "./file-owner.ts";
import {
  CALLS_PER_COMMIT,
  CHECKED_BYTES,
  CHECKPOINT_PERIOD,
  LOCK_WAIT,
  MAX_STATEMENTS,
  MAX_WAITING_CALLS,
} from "./limits.ts";
import { migrations } from "./migrations/index.ts";
import { migrate, missingSteps } from "./migrations/migrate.ts";
import { DamagedRow } from "./rows.ts";
import { corruptError, isConstraint, isSqliteError, storeError } from "./sqlite-errors.ts";

/** Where queries are run: inside a transaction, one after the other. */
export interface Transaction {
  all<Row>(query: Compilable<Row>): readonly Row[];
  first<Row>(query: Compilable<Row>): Row | undefined;
  /** How many rows were written. */
  run(query: Compilable<unknown>): number;
}

/**
 * What a write that resolved has survived: the end of this process, however it ends, or also a power failure.
 *
 * The first costs nothing: a commit is in the system's memory. For the second the disk is waited for, off the event loop
 * and together with others. Whatever is not waited for is safe from a power failure within `CHECKPOINT_PERIOD`.
 */
export type Survives = "process" | "power";

export interface SqlitePorts {
  readonly clock: Clock;
  readonly log?: Logger;
}

/**
 * What a process has of a database: it owns it, as the one that writes; or it reads, beside the owner or without one, and
 * changes nothing.
 */
export type Access = "own" | "read";

export interface SqliteOptions {
  /** "own" when left out. */
  readonly access?: Access;
  /** The most bytes the file may have; the disk is the limit otherwise. */
  readonly maxBytes?: number;
}

/** The log may grow to this before the event loop stops for a checkpoint: only when the thread for them cannot keep up. */
const LOG_BYTES = 64_000_000;
const PAGE_BYTES = 4_096;

/** A call that waits for its commit. */
interface Call {
  /** Absent for one that only reads. */
  readonly survives: Survives | undefined;
  readonly work: (transaction: Transaction) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A connection, and what is open beside it while the file is owned. */
interface Opened {
  readonly database: DatabaseSync;
  readonly owned?: { readonly lock: Disposable; readonly log: FileHandle };
}

/**
 * A connection to an embedded database, of which there is one that writes.
 *
 * Calls that arrive in one turn of the event loop share a transaction, in their order, so that each sees what those before
 * it wrote; one that throws is undone by itself. Work runs synchronously, as it takes some hundredths of a millisecond;
 * what takes longer, which is waiting for the disk, is left to other threads.
 *
 * Owns the file, its lock and a thread, unless it only reads. `close` waits for what is under way.
 */
export class Sqlite {
  readonly file: string;
  readonly #database: DatabaseSync;
  readonly #owned: Opened["owned"];
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #checkpoints: Checkpoints;
  readonly #statements = new Map<string, StatementSync>();
  readonly #transaction: Transaction;
  readonly #waiting: Call[] = [];
  readonly #closing = new AbortController();
  readonly #pending = new Set<Promise<unknown>>();
  #isScheduled = false;
  #isCheckpointDue = false;
  #syncUnderWay: Promise<void> = Promise.resolve();
  #syncNext: Promise<void> | undefined;

  private constructor(file: string, { database, owned }: Opened, ports: SqlitePorts) {
    this.file = file;
    this.#database = database;
    this.#owned = owned;
    this.#clock = ports.clock;
    this.#log = ports.log ?? silentLogger;
    this.#checkpoints = new Checkpoints(file, this.#log);
    this.#transaction = {
      all: (compilable) => {
        const { sql, parameters } = compilable.compile();
        // The schema says what the rows of this query are, and the database was made from the same schema.
        return this.#statement(sql).all(...parameters.map(bindable)) as never;
      },
      first: (compilable) => this.#transaction.all(compilable)[0],
      run: (compilable) => {
        const { sql, parameters } = compilable.compile();
        return Number(this.#statement(sql).run(...parameters.map(bindable)).changes);
      },
    };
  }

  /**
   * Opens a file. Who owns it makes it when it is not there, and brings its schema up to date.
   *
   * Throws "store.locked", "store.corrupt", "store.newer", "store.full" and "store.unusable", with what to do;
   * nothing is lost then.
   */
  static async open(file: string, options: SqliteOptions, ports: SqlitePorts): Promise<Sqlite> {
    try {
      const opened = options.access === "read" ? openToRead(file) : await openOwned(file, options, ports);
      return new Sqlite(file, opened, ports);
    } catch (cause) {
      throw asStoreError(cause, file);
    }
  }

  /** Runs `work` in a transaction. Throws what it throws, "store.*", "node.overloaded" and "node.stopping". */
  write<T>(survives: Survives, work: (transaction: Transaction) => T): Promise<T> {
    return this.#submit(survives, work);
  }

  /** Reads what all earlier calls wrote, those included that have not resolved yet. */
  read<T>(work: (transaction: Transaction) => T): Promise<T> {
    return this.#submit(undefined, work);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new RivuletError("node.stopping", {}));
    while (this.#waiting.length > 0) this.#commit();
    await Promise.allSettled(this.#pending);
    await this.#checkpoints.close();
    await this.#owned?.log.close();
    this.#database.close();
    this.#owned?.lock[Symbol.dispose]();
  }

  #submit<T>(survives: Survives | undefined, work: (transaction: Transaction) => T): Promise<T> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closing.signal.reason);
    if (this.#waiting.length >= MAX_WAITING_CALLS) return Promise.reject(new RivuletError("node.overloaded", {}));
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push({ survives, work, resolve: (value) => resolve(value as T), reject });
    this.#schedule();
    return promise;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#commit();
      this.#schedule();
    });
  }

  /** One transaction for all calls that wait. */
  #commit(): void {
    const calls = this.#waiting.splice(0, CALLS_PER_COMMIT);
    if (calls.length === 0) return;
    const settle: (() => void)[] = [];
    try {
      this.#step(calls.some(({ survives }) => survives !== undefined) ? "begin immediate" : "begin");
      for (const call of calls) settle.push(this.#attempt(call));
      this.#step("commit");
    } catch (cause) {
      if (this.#database.isTransaction) this.#step("rollback");
      const error = storeError(cause, this.file);
      this.#log.error("database write failed", { reason: error instanceof Error ? error.message : String(error) });
      for (const { reject } of calls) reject(error);
      return;
    }
    if (calls.some(({ survives }) => survives !== undefined)) this.#armCheckpoint();
    if (!calls.some(({ survives }) => survives === "power")) {
      for (const each of settle) each();
      return;
    }
    const synced = this.#synced();
    for (const [index, { survives, reject }] of calls.entries()) {
      const each = settle[index];
      if (survives !== "power") each?.();
      else this.#keep(synced.then(each, (cause) => reject(asStoreError(cause, this.file))));
    }
  }

  /** Does the work of one call, undone when it throws. What the database itself throws is for the whole transaction. */
  #attempt({ work, resolve, reject }: Call): () => void {
    this.#step("savepoint call");
    try {
      const value = work(this.#transaction);
      this.#step("release call");
      return () => resolve(value);
    } catch (error) {
      if (isSqliteError(error) && !isConstraint(error)) throw error;
      this.#step("rollback to call");
      this.#step("release call");
      const reason = error instanceof DamagedRow ? corruptError(this.file, error.message, error) : error;
      return () => reject(reason);
    }
  }

  #step(sql: string): void {
    this.#statement(sql).run();
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** Resolves when all that is committed now is on the disk. Those who ask while the disk works share the next turn. */
  #synced(): Promise<void> {
    return (this.#syncNext ??= this.#syncUnderWay
      .catch(() => {})
      .then(() => {
        this.#syncNext = undefined;
        invariant(this.#owned !== undefined, "who only reads has nothing to flush");
        this.#syncUnderWay = this.#owned.log.datasync();
        return this.#syncUnderWay;
      }));
  }

  /** The first commit after a checkpoint brings on the next. */
  #armCheckpoint(): void {
    if (this.#isCheckpointDue) return;
    this.#isCheckpointDue = true;
    this.#keep(this.#checkpoint());
  }

  async #checkpoint(): Promise<void> {
    try {
      await this.#clock.sleep(CHECKPOINT_PERIOD, this.#closing.signal);
      // Set before: what is committed while the checkpoint is made needs another.
      this.#isCheckpointDue = false;
      const isMade = await this.#checkpoints.make();
      if (!isMade || statSync(`${this.file}-wal`).size > LOG_BYTES)
        this.#database.exec("pragma wal_checkpoint(truncate)");
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#log.warn("database checkpoint failed", { reason: String(error) });
    }
  }

  #keep(promise: Promise<unknown>): void {
    this.#pending.add(promise);
    void promise.finally(() => this.#pending.delete(promise)).catch(() => {});
  }
}

async function openOwned(file: string, { maxBytes }: SqliteOptions, ports: SqlitePorts): Promise<Opened> {
  const lock = ownFile(file);
  let database: DatabaseSync | undefined;
  try {
    // It holds secrets. Made before SQLite opens it: closing a file gives up all locks that the process has on it.
    closeSync(openSync(file, "a", 0o600));
    chmodSync(file, 0o600);
    database = new DatabaseSync(file, { timeout: LOCK_WAIT });
    const [{ journal_mode: mode } = {}] = database.prepare("pragma journal_mode = wal").all();
    if (mode !== "wal")
      throw new RivuletError("store.unusable", { reason: `${file}: its file system cannot share memory` });
    database.exec(`
      pragma synchronous = normal;
      pragma wal_autocheckpoint = 0;
      pragma journal_size_limit = ${LOG_BYTES};
      pragma foreign_keys = on;
      ${maxBytes === undefined ? "" : `pragma max_page_count = ${Math.floor(maxBytes / PAGE_BYTES)};`}
    `);
    check(database, file);
    migrate(database, migrations, file, ports.clock.now());
    const log = await open(`${file}-wal`, "r");
    syncDirectory(dirname(file));
    return { database, owned: { lock, log } };
  } catch (cause) {
    database?.close();
    lock[Symbol.dispose]();
    throw cause;
  }
}

function openToRead(file: string): Opened {
  const database = new DatabaseSync(file, { readOnly: true, timeout: LOCK_WAIT });
  try {
    if (missingSteps(database, migrations, file).length === 0) return { database };
    throw new RivuletError("store.unusable", {
      reason: `${file} was written by an older version: start its node once, which brings it up to date`,
    });
  } catch (cause) {
    database.close();
    throw cause;
  }
}

/** Reads the database through, when that is quick or when it was not closed: then there is a log. */
function check(database: DatabaseSync, file: string): void {
  const wasClosed = (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0;
  if (wasClosed && statSync(file).size > CHECKED_BYTES) return;
  const [problem] = database.prepare("pragma quick_check(1)").all();
  if (problem?.["quick_check"] !== "ok") throw corruptError(file, String(problem?.["quick_check"]));
}

/** A new file is safe from a power failure when its directory is. */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function asStoreError(cause: unknown, file: string): unknown {
  if (cause instanceof Error && "syscall" in cause)
    return new RivuletError("store.unusable", { reason: `${file}: ${cause.message}` }, { cause });
  return storeError(cause, file);
}

function bindable(value: unknown): SQLInputValue {
  if (value === null || typeof value === "number" || typeof value === "bigint" || typeof value === "string")
    return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`not a value of a database: ${typeof value}`);
}
