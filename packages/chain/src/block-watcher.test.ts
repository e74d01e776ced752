import { ms, RivuletError, silentLogger } from "@rivulet/primitives";
import { type EndpointReply, turn } from "@rivulet/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { JumpingClock, ScriptedChain, type ScriptedLog } from "../test/scripted-chain.ts";
import {
  type BlockCursor,
  type BlockCursorStore,
  BlockWatcher,
  type ChainUpdate,
  type Follower,
} from "./block-watcher.ts";
import type { Hex } from "./hex.ts";
import type { ChainLog, Head } from "./rpc/blocks.ts";
import { Endpoints } from "./rpc/endpoints.ts";

const CONTRACT: Hex = `0x${"c0".repeat(20)}`;
const TOPIC: Hex = `0x${"70".repeat(32)}`;
const started: ScriptedChain[] = [];

/** Keeps what it is told, and what that adds up to. */
class Notes implements Follower {
  readonly filter = { addresses: [CONTRACT], topics: [TOPIC] };
  readonly updates: ChainUpdate[] = [];
  readonly refreshed: bigint[] = [];
  /** The events that count now, in the order in which they were told. */
  standing: string[] = [];
  failure: unknown;

  note(update: ChainUpdate): void {
    this.updates.push(update);
    for (const log of update.undone) expect(this.standing.pop()).toBe(nameOf(log));
    this.standing.push(...update.logs.map(nameOf));
  }

  async refresh({ number }: Head): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.refreshed.push(number);
  }
}

class Memory implements BlockCursorStore {
  cursor: BlockCursor | undefined;

  async load(): Promise<BlockCursor | undefined> {
    return this.cursor;
  }

  async save(cursor: BlockCursor): Promise<void> {
    this.cursor = cursor;
  }
}

function event(name: number): ScriptedLog {
  return { address: CONTRACT, topics: [TOPIC], data: `0x${name.toString(16).padStart(2, "0")}` };
}

function nameOf({ data }: ChainLog): string {
  return data;
}

async function world(length: number, { cursor }: { readonly cursor?: BlockCursorStore } = {}) {
  const chain = new ScriptedChain(length);
  await chain.start();
  started.push(chain);
  const clock = new JumpingClock();
  const endpoints = new Endpoints({ urls: [chain.url], chainId: 31337 }, { fetch, clock, log: silentLogger });
  const notes = new Notes();
  // A loop that never wakes: the tests say when to look.
  const asleep = { ...silent(clock), sleep: (_: number, signal?: AbortSignal) => untilAborted(signal) };
  const ports = { endpoints, clock: asleep, log: silentLogger, cursor };
  const watcher = new BlockWatcher({ pollInterval: ms(5_000) }, [notes], ports);
  await watcher.start();
  return { chain, watcher, notes, endpoints };
}

function silent(clock: JumpingClock) {
  return { now: () => clock.now(), monotonic: () => clock.monotonic(), alarm: () => clock.alarm() };
}

function untilAborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason), { once: true }));
}

afterEach(async () => {
  for (const chain of started.splice(0)) await chain.stop();
});

describe("blocks that come one after the other", () => {
  test("the first start begins at the newest block, and everything has to be read", async () => {
    const { notes, watcher } = await world(10);
    expect(notes.updates).toMatchObject([{ head: { number: 9n }, logs: [], undone: [], isReset: true }]);
    expect(notes.refreshed).toEqual([9n]);
    expect(watcher.head?.number).toBe(9n);
    await watcher.stop();
  });

  test("one single new block is told", async () => {
    const { chain, notes, watcher } = await world(10);
    chain.mine(1, [event(1)]);
    await watcher.poll();
    expect(notes.updates.at(-1)).toMatchObject({ head: { number: 10n }, isReset: false });
    expect(notes.standing).toEqual(["0x01"]);
  });

  test("events are told once each, by block and place in it", async () => {
    const { chain, notes, watcher } = await world(10);
    chain.script = ({ method, params }) => (method === "eth_getLogs" ? shuffled(chain, params) : undefined);
    chain.mine(3, [event(1), event(2)]);
    chain.mine(1, [event(3)]);
    chain.mine(4, [event(4), event(5), event(6)]);
    await watcher.poll();
    await watcher.poll();
    expect(notes.standing).toEqual(["0x01", "0x02", "0x03", "0x04", "0x05", "0x06"]);
  });

  test("logs of other contracts and other events are not asked for", async () => {
    const { chain, notes, watcher } = await world(10);
    chain.mine(1, [
      { ...event(1), address: `0x${"ab".repeat(20)}` },
      { ...event(2), topics: [`0x${"0b".repeat(32)}`] },
    ]);
    await watcher.poll();
    expect(notes.standing).toEqual([]);
  });

  test("without a new block nothing is told, and what could not be refreshed is asked for again", async () => {
    const { chain, notes, watcher } = await world(10);
    chain.mine(1, [event(1)]);
    notes.failure = new RivuletError("chain.unavailable", {});
    await expect(watcher.poll()).rejects.toMatchObject({ code: "chain.unavailable" });
    notes.failure = undefined;
    await watcher.poll();
    expect(notes.updates).toHaveLength(2);
    expect(notes.refreshed).toEqual([9n, 10n]);
  });
});

describe("gaps", () => {
  test("blocks of a time without answers are filled in", async () => {
    const { chain, notes, watcher } = await world(10);
    chain.script = () => ({ status: 503 });
    chain.mine(300, [event(1)]);
    await expect(watcher.poll()).rejects.toMatchObject({ code: "chain.unavailable" });
    chain.mine(2_500, [event(2)]);
    chain.script = () => undefined;
    await watcher.poll();
    expect(notes.standing).toEqual(["0x01", "0x02"]);
    expect(watcher.head?.number).toBe(2_809n);
  });

  test("an endpoint that fails in the middle of a gap is gone on with from there", async () => {
    const { chain, notes, watcher } = await world(10);
    for (let name = 1; name <= 4; name++) chain.mine(800, [event(name)]);
    let queries = 0;
    chain.script = ({ method }) => (method === "eth_getLogs" && ++queries > 2 ? { status: 500 } : undefined);
    await expect(watcher.poll()).rejects.toMatchObject({ code: "chain.unavailable" });
    expect(notes.standing).toEqual(["0x01", "0x02"]);
    chain.script = () => undefined;
    await watcher.poll();
    expect(notes.standing).toEqual(["0x01", "0x02", "0x03", "0x04"]);
  });

  test("a range with too many logs is asked for in parts", async () => {
    const { chain, notes, watcher } = await world(1);
    for (let name = 1; name <= 200; name++) chain.mine(5, [event(name % 256)]);
    chain.script = ({ method, params }) => {
      const [{ fromBlock, toBlock }] = params as [{ fromBlock: string; toBlock: string }];
      const isLarge = method === "eth_getLogs" && Number(toBlock) - Number(fromBlock) >= 100;
      return isLarge ? { error: { code: -32005, message: "query returned more than 10000 results" } } : undefined;
    };
    await watcher.poll();
    expect(notes.standing).toHaveLength(200);
    expect(watcher.head?.number).toBe(1_000n);
  });

  test("a gap beyond reason is skipped, and everything has to be read again", async () => {
    const { chain, notes, watcher } = await world(10);
    chain.mine(100_001, [event(1)]);
    await watcher.poll();
    expect(notes.updates.at(-1)).toMatchObject({ isReset: true, logs: [] });
    expect(notes.standing).toEqual([]);
  });

  test("a start goes on after the last block of the run before", async () => {
    const cursor = new Memory();
    const before = await world(10, { cursor });
    await before.watcher.stop();
    expect(cursor.cursor?.number).toBe(9n);
    const { chain, notes, watcher } = await restarted(before, cursor, 40);
    expect(notes.standing).toEqual(["0x01"]);
    expect(notes.updates[0]?.isReset).toBe(true);
    expect(watcher.head?.number).toBe(49n);
    expect(cursor.cursor).toMatchObject({ number: 49n, hash: chain.head.hash });
  });

  test("a start whose last block was undone begins at the newest", async () => {
    const cursor = new Memory();
    cursor.cursor = { number: 5n, hash: `0x${"00".repeat(32)}` };
    const { notes, watcher } = await world(10, { cursor });
    expect(notes.updates).toMatchObject([{ head: { number: 9n }, isReset: true }]);
    expect(watcher.head?.number).toBe(9n);
  });
});

describe("reorganisations", () => {
  for (const [replaced, by] of [
    [10, 12],
    [10, 10],
    [10, 7],
    [1, 1],
  ] as const) {
    test(`${replaced} blocks replaced by ${by} others undo what they told, and tell what the others did`, async () => {
      const { chain, notes, watcher } = await world(10);
      chain.mine(1, [event(1)]);
      await watcher.poll();
      for (let name = 2; name <= 11; name++) {
        chain.mine(1, [event(name)]);
        await watcher.poll();
      }
      const kept = notes.standing.slice(0, 11 - replaced);
      chain.undo(replaced);
      for (let name = 0; name < by; name++) chain.mine(1, [event(0xa0 + name)]);
      await watcher.poll();
      const others = Array.from({ length: by }, (_, name) => `0x${(0xa0 + name).toString(16)}`);
      expect(notes.standing).toEqual([...kept, ...others]);
      expect(watcher.head?.hash).toBe(chain.head.hash);
      expect(notes.updates.filter(({ isReset }) => isReset)).toHaveLength(1);
    });
  }

  test("one inside a gap between two polls is noticed", async () => {
    const { chain, notes, watcher } = await world(10);
    chain.mine(5, [event(1)]);
    await watcher.poll();
    chain.mine(20, [event(2)]);
    chain.undo(22);
    chain.mine(30, [event(3)]);
    await watcher.poll();
    expect(notes.standing).toEqual(["0x03"]);
  });

  test("one that happens while logs are read tells nothing of the history that was given up", async () => {
    const { chain, notes, watcher } = await world(10);
    chain.mine(5, [event(1)]);
    let isOver = false;
    chain.script = ({ method }) => {
      if (method !== "eth_getLogs" || isOver) return undefined;
      isOver = true;
      chain.undo(5);
      chain.mine(6, [event(2)]);
      return undefined;
    };
    await watcher.poll();
    await watcher.poll();
    expect(notes.standing).toEqual(["0x02"]);
  });

  test("an endpoint that is a few blocks late is no reorganisation", async () => {
    const { chain, notes, watcher } = await world(10);
    chain.mine(5, [event(1)]);
    await watcher.poll();
    chain.script = ({ method, params }) => asOf(12, method, params);
    await watcher.poll();
    chain.script = () => undefined;
    chain.mine(1, [event(2)]);
    await watcher.poll();
    expect(notes.updates.flatMap(({ undone }) => undone)).toEqual([]);
    expect(notes.standing).toEqual(["0x01", "0x02"]);
  });

  test("a history that shares nothing with what is remembered has everything read again", async () => {
    const { chain, notes, watcher } = await world(10);
    chain.mine(1, [event(1)]);
    await watcher.poll();
    chain.undo(11);
    chain.mine(15, [event(2)]);
    await watcher.poll();
    expect(notes.updates.at(-1)).toMatchObject({ isReset: true });
    expect(notes.standing).toEqual([]);
    expect(watcher.head?.hash).toBe(chain.head.hash);
  });
});

test("stopping while the chain is silent ends at once", async () => {
  const { chain, watcher } = await world(10);
  chain.script = () => "hang";
  const polling = watcher.poll();
  polling.catch(() => {});
  await turn();
  await watcher.stop();
  await expect(polling).rejects.toThrow("stopped");
});

async function restarted(
  before: { readonly chain: ScriptedChain; readonly endpoints: Endpoints },
  cursor: BlockCursorStore,
  blocks: number,
) {
  before.chain.mine(blocks, [event(1)]);
  const notes = new Notes();
  const clock = { ...silent(new JumpingClock()), sleep: (_: number, signal?: AbortSignal) => untilAborted(signal) };
  const ports = { endpoints: before.endpoints, clock, log: silentLogger, cursor };
  const watcher = new BlockWatcher({ pollInterval: ms(5_000) }, [notes], ports);
  await watcher.start();
  return { chain: before.chain, notes, watcher };
}

/** The logs of a query in the wrong order. */
function shuffled(chain: ScriptedChain, params: readonly unknown[]): EndpointReply | undefined {
  const before = chain.script;
  chain.script = () => undefined;
  const answer = chain.ask({ method: "eth_getLogs", params });
  chain.script = before;
  return typeof answer === "object" && "result" in answer ? { result: (answer.result as unknown[]).reverse() } : answer;
}

/** What an endpoint says that knows nothing after `head`. */
function asOf(head: number, method: string, params: readonly unknown[]): EndpointReply | undefined {
  if (method !== "eth_getBlockByNumber") return undefined;
  if (params[0] === "latest") return { result: chainBlock(head) };
  return Number(params[0]) > head ? { result: null } : undefined;
}

function chainBlock(head: number): unknown {
  return started.at(-1)?.blockJson(`0x${head.toString(16)}`);
}
