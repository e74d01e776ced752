import { type Clock, codeOf, type Logger, type Milliseconds, type Startable } from "@rivulet/primitives";
import type { Hex } from "./hex.ts";
import { MAX_CHECKPOINTS, MAX_GAP, MAX_REMEMBERED_LOGS } from "./limits.ts";
import { blockAt, type ChainLog, type Head, type LogFilter, logsBetween } from "./rpc/blocks.ts";
import { isTooManyLogs } from "./rpc/endpoint.ts";
import type { Endpoints } from "./rpc/endpoints.ts";

/** What became of the chain since the last time. */
export interface ChainUpdate {
  readonly head: Head;
  /** New ones, by block and place in it. Each is told once. */
  readonly logs: readonly ChainLog[];
  /** Told before, and no longer part of the chain. The last one told comes first. */
  readonly undone: readonly ChainLog[];
  /** Blocks went by unseen, as at the start: nothing that was known may be relied on. */
  readonly isReset: boolean;
}

/** Somebody who keeps something in step with the chain. */
export interface Follower {
  /** Read once, when the watcher starts. */
  readonly filter: LogFilter;
  /** Takes note of what changed, so that `refresh` knows what to read again. Must not throw. */
  note(update: ChainUpdate): void;
  /** Reads what was noted. When it throws it is asked again at the next poll. */
  refresh(head: Head, signal: AbortSignal): Promise<void>;
}

/** The last block that was processed, for the next start. */
export interface BlockCursor {
  readonly number: bigint;
  readonly hash: Hex;
}

export interface BlockCursorStore {
  load(): Promise<BlockCursor | undefined>;
  save(cursor: BlockCursor): Promise<void>;
}

export interface BlockWatcherOptions {
  readonly pollInterval: Milliseconds;
}

export interface BlockWatcherPorts {
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  readonly log: Logger;
  /** Without one, every start begins at the newest block. */
  readonly cursor?: BlockCursorStore | undefined;
}

/** A block that was processed, and the logs told with it: those of the blocks after the checkpoint before. */
interface Checkpoint extends BlockCursor {
  readonly logs: readonly ChainLog[];
}

/** Blocks per query for logs; endpoints that give less say so. */
const RANGE = 1_000n;
/** Checkpoints compared with the chain in one request while looking for the last one both have. */
const COMPARED_AT_ONCE = 16;

/**
 * Follows the chain: asks for its newest block and tells followers which events came, and which were undone.
 *
 * Blocks that two polls leave between them are filled in. A block whose hash is not what it was is a reorganisation: the
 * logs told since the last block that both histories share are told as undone, then those of the new history. Nothing is
 * skipped when an endpoint fails, as the next poll goes on where the last one stopped.
 *
 * `start` resolves after the first poll, with every follower up to date, and throws "chain.*" when that is not possible.
 */
export class BlockWatcher implements Startable {
  readonly #options: BlockWatcherOptions;
  readonly #ports: BlockWatcherPorts;
  readonly #followers: readonly Follower[];
  readonly #filter: LogFilter;
  readonly #stopped = new AbortController();
  #checkpoints: Checkpoint[] = [];
  #head: Head | undefined;
  #seenAt = 0;
  #range = RANGE;
  #polling: Promise<void> = Promise.resolve();
  #loop: Promise<void> = Promise.resolve();

  constructor(options: BlockWatcherOptions, followers: readonly Follower[], ports: BlockWatcherPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#followers = followers;
    this.#filter = {
      addresses: [...new Set(followers.flatMap(({ filter }) => filter.addresses))],
      topics: [...new Set(followers.flatMap(({ filter }) => filter.topics))],
    };
  }

  /** The newest block that followers know of; `undefined` before `start`. */
  get head(): Head | undefined {
    return this.#head;
  }

  /** How long ago the chain answered. What followers hold is at least as old. */
  get age(): Milliseconds {
    return (this.#ports.clock.monotonic() - this.#seenAt) as Milliseconds;
  }

  async start(): Promise<void> {
    await this.poll();
    this.#loop = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error("the block watcher stopped"));
    await this.#loop;
    await this.#polling.catch(() => {});
  }

  /** Looks now instead of at the next interval. Resolves when followers are up to date; throws what hinders that. */
  poll(): Promise<void> {
    const turn = () => this.#poll(this.#stopped.signal);
    this.#polling = this.#polling.then(turn, turn);
    return this.#polling;
  }

  async #watch(): Promise<void> {
    const { clock, log } = this.#ports;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await clock.sleep(this.#options.pollInterval, signal);
        await this.poll();
      } catch (error) {
        if (signal.aborted) return;
        log.warn("blocks not read", { code: codeOf(error), age: this.age, reason: messageOf(error) });
      }
    }
  }

  async #poll(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const head = await this.#ports.endpoints.head(signal);
    await this.#follow(head, signal);
    this.#seenAt = this.#ports.clock.monotonic();
    const at = this.#head;
    if (at === undefined) return;
    const refreshed = await Promise.allSettled(this.#followers.map((follower) => follower.refresh(at, signal)));
    const failed = refreshed.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  /** Brings the checkpoints to `head`, telling followers on the way. */
  async #follow(head: Head, signal: AbortSignal): Promise<void> {
    if (this.#checkpoints.length === 0) return await this.#begin(head, signal);
    for (;;) {
      const last = this.#checkpoints.at(-1);
      if (last === undefined || head.number - last.number > MAX_GAP) return await this.#reset(head);
      if (last.hash === head.hash) return;
      // Behind what was seen before: another history, or an endpoint that is a little late.
      const isContinued = head.number > last.number && (await this.#fill(last, head, signal));
      if (isContinued) continue;
      const isReorganised = await this.#undo(head, signal);
      if (!isReorganised) return;
    }
  }

  /** The first poll: goes on after the block of the last run, when that is still part of the chain. */
  async #begin(head: Head, signal: AbortSignal): Promise<void> {
    const cursor = await this.#ports.cursor?.load();
    const gap = cursor === undefined ? undefined : head.number - cursor.number;
    if (cursor === undefined || gap === undefined || gap < 0n || gap > MAX_GAP) return await this.#reset(head);
    const block = await this.#ports.endpoints.request(blockAt(cursor.number), signal);
    if (block?.hash !== cursor.hash) return await this.#reset(head);
    await this.#advance(block, [], { isReset: true });
    await this.#follow(head, signal);
  }

  /**
   * Tells the logs after `last` up to `head`, or the first part of them. False when `last` is no longer part of the chain;
   * then nothing was told.
   */
  async #fill(last: Checkpoint, head: Head, signal: AbortSignal): Promise<boolean> {
    const first = last.number + 1n;
    const end = head.number < last.number + this.#range ? head.number : last.number + this.#range;
    try {
      // One request, so that one server answers: the logs belong to the history whose blocks stand beside them.
      const [before, logs, block] = await this.#ports.endpoints.batch(
        [blockAt(last.number), logsBetween(this.#filter, first, end), blockAt(end)],
        signal,
      );
      if (before?.hash !== last.hash || block === undefined) return false;
      await this.#advance(block, [...logs].sort(byPlace), {});
      if (this.#range < RANGE) this.#range *= 2n;
      return true;
    } catch (error) {
      if (!isTooManyLogs(error) || end === first) throw error;
      this.#range = (end - first + 1n) / 2n;
      return true;
    }
  }

  /**
   * Goes back to the last checkpoint that the chain still has. False when nothing contradicts the checkpoints: an endpoint
   * that does not know a block yet is late, which is no proof of another history.
   */
  async #undo(head: Head, signal: AbortSignal): Promise<boolean> {
    let isContradicted = false;
    for (let end = this.#checkpoints.length; end > 0; end -= COMPARED_AT_ONCE) {
      const compared = this.#checkpoints.slice(Math.max(0, end - COMPARED_AT_ONCE), end);
      const blocks = await this.#ports.endpoints.batch(
        compared.map(({ number }) => blockAt(number)),
        signal,
      );
      isContradicted ||= compared.some(({ hash }, index) => (blocks[index]?.hash ?? hash) !== hash);
      const shared = compared.findLastIndex(({ hash }, index) => blocks[index]?.hash === hash);
      if (shared < 0) continue;
      if (isContradicted) this.#undoAfter(end - compared.length + shared, head);
      return isContradicted;
    }
    if (isContradicted) await this.#reset(head);
    return false;
  }

  #undoAfter(index: number, head: Head): void {
    const beyond = this.#checkpoints.splice(index + 1);
    const undone = beyond.flatMap(({ logs }) => logs).reverse();
    this.#ports.log.warn("chain reorganised", { after: this.#checkpoints.at(-1)?.number, undone: undone.length });
    this.#tell({ head, logs: [], undone, isReset: false });
  }

  /** Starts over at `head`. */
  async #reset(head: Head): Promise<void> {
    const undone = this.#checkpoints.flatMap(({ logs }) => logs).reverse();
    if (this.#checkpoints.length > 0) this.#ports.log.warn("chain followed anew", { block: head.number });
    this.#checkpoints = [];
    await this.#advance(head, [], { isReset: true, undone });
  }

  async #advance(
    block: Head,
    logs: readonly ChainLog[],
    { isReset = false, undone = [] }: { readonly isReset?: boolean; readonly undone?: readonly ChainLog[] },
  ): Promise<void> {
    this.#checkpoints.push({ number: block.number, hash: block.hash, logs });
    this.#forget();
    this.#tell({ head: block, logs, undone, isReset });
    await this.#ports.cursor?.save({ number: block.number, hash: block.hash });
  }

  #tell(update: ChainUpdate): void {
    this.#head = update.head;
    for (const follower of this.#followers) follower.note(update);
  }

  #forget(): void {
    let remembered = this.#checkpoints.reduce((sum, { logs }) => sum + logs.length, 0);
    while (
      this.#checkpoints.length > MAX_CHECKPOINTS ||
      (remembered > MAX_REMEMBERED_LOGS && this.#checkpoints.length > 1)
    ) {
      remembered -= this.#checkpoints.shift()?.logs.length ?? 0;
    }
  }
}

function byPlace(a: ChainLog, b: ChainLog): number {
  return a.block === b.block ? a.index - b.index : a.block < b.block ? -1 : 1;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
