import type { PaymentStore } from "@rivulet/payments";
import { type Clock, codeOf, type Logger, ms, RivuletError, silentLogger } from "@rivulet/primitives";
import { BlockCursor } from "./block-cursor.ts";
import { ORCHESTRATORS_KEPT, PRUNE_PERIOD, SETTLED_WINNERS_KEPT } from "./limits.ts";
import { bootId as machineBootId } from "./machine.ts";
import type { OrchestratorCache } from "./orchestrator-cache.ts";
import { SqlitePaymentStore } from "./payment-store.ts";
import type { Settings } from "./settings.ts";
import { type Access, Sqlite } from "./sqlite.ts";
import { SqliteOrchestratorCache } from "./sqlite-orchestrator-cache.ts";
import { SqliteSettings } from "./sqlite-settings.ts";

export interface StoreOptions {
  /** Path of the database; beside it lie its log and its lock. */
  readonly file: string;
  /** "own" when left out: the one process that writes. With "read" nothing is changed, and the owner may be at work. */
  readonly access?: Access;
  /** The chain that all of it is about. A database belongs to the first one it was opened for. */
  readonly chainId?: number;
  /** The most bytes the file may have; the disk is the limit otherwise. */
  readonly maxBytes?: number;
}

export interface StorePorts {
  readonly clock: Clock;
  readonly log?: Logger;
  /** Names the time since the machine was started; `undefined` where that is not known. By default asks Linux. */
  readonly bootId?: () => string | undefined;
}

const CHAIN = "chain.id";
/** There while the database is open, with the boot it was opened in: a crash leaves it behind. */
const OPENED = "store.opened-in-boot";
const UNKNOWN_BOOT = "unknown";

/** What a node keeps across restarts, in one file. */
export class Store {
  readonly payments: PaymentStore;
  readonly orchestrators: OrchestratorCache;
  readonly settings: Settings;
  /** Where the chain was last read to. */
  readonly blocks: BlockCursor;
  readonly #sqlite: Sqlite;
  readonly #access: Access;
  readonly #closing = new AbortController();
  #pruning: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;

  private constructor(sqlite: Sqlite, payments: PaymentStore, access: Access) {
    this.#sqlite = sqlite;
    this.#access = access;
    this.payments = payments;
    this.orchestrators = new SqliteOrchestratorCache(sqlite);
    this.settings = new SqliteSettings(sqlite);
    this.blocks = new BlockCursor(this.settings);
  }

  /**
   * Opens the database, or makes it.
   *
   * Throws "store.locked", "store.corrupt", "store.full", "store.newer", "store.wrong-network" and "store.unusable", each
   * with what to do about it. Nothing is lost by that.
   */
  static async open(options: StoreOptions, ports: StorePorts): Promise<Store> {
    const { file, access = "own", chainId, maxBytes } = options;
    const sqlite = await Sqlite.open(file, { access, ...(maxBytes === undefined ? {} : { maxBytes }) }, ports);
    const payments = new SqlitePaymentStore(sqlite);
    const store = new Store(sqlite, payments, access);
    try {
      if (chainId !== undefined) await store.#bind(chainId);
      if (access === "read") return store;
      await store.#noteBoot(payments, ports);
      await store.#prune(payments, ports);
      store.#pruning = store.#keepPruning(payments, ports);
    } catch (error) {
      await sqlite.close();
      throw error;
    }
    return store;
  }

  /** Writes what waits, and lets go of the file. Once. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#closing.abort(new RivuletError("node.stopping", {}));
    await this.#pruning;
    // A disk that is full is no reason to stay open: the next start then looks as after a crash.
    if (this.#access === "own") await this.settings.remove(OPENED).catch(() => {});
    await this.#sqlite.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Takes away what is older than it is kept. */
  async #prune(payments: SqlitePaymentStore, { clock }: StorePorts): Promise<void> {
    const now = clock.now();
    await payments.pruneWinners(ms(now - SETTLED_WINNERS_KEPT));
    await this.orchestrators.prune(ms(now - ORCHESTRATORS_KEPT));
  }

  async #keepPruning(payments: SqlitePaymentStore, ports: StorePorts): Promise<void> {
    const { clock, log = silentLogger } = ports;
    const { signal } = this.#closing;
    while (!signal.aborted)
      try {
        await clock.sleep(PRUNE_PERIOD, signal);
        await this.#prune(payments, ports);
      } catch (error) {
        if (!signal.aborted) log.warn("database not pruned", { code: codeOf(error) });
      }
  }

  async #bind(chainId: number): Promise<void> {
    const bound = await this.settings.find(CHAIN);
    if (bound === `${chainId}` || (bound === undefined && this.#access === "read")) return;
    if (bound === undefined) return await this.settings.set({ [CHAIN]: `${chainId}` });
    throw new RivuletError("store.wrong-network", {
      expected: chainId,
      actual: Number(bound),
      reason: `${this.#sqlite.file} holds tickets of chain ${bound}, and the node is set up for chain ${chainId}: set -network to its chain, or name another directory with -dataDir`,
    });
  }

  /** After a crash the system still has all that was committed, unless the machine went down with it. */
  async #noteBoot(
    payments: SqlitePaymentStore,
    { bootId = machineBootId, log = silentLogger }: StorePorts,
  ): Promise<void> {
    const boot = bootId() ?? UNKNOWN_BOOT;
    const before = await this.settings.find(OPENED);
    if (before !== undefined && (before === UNKNOWN_BOOT || before !== boot)) {
      log.warn("the machine went down with this node: ticket parameters issued before are void");
      await payments.forgetAfterPowerFailure();
    }
    await this.settings.set({ [OPENED]: boot });
  }
}
