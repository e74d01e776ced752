import { address, keySigner } from "@rivulet/crypto";
import { isError, Rational, round, silentLogger } from "@rivulet/primitives";
import { FakeOrchestrator, FakeTill, MemoryChain, seededRandomness, TestClock, turn } from "@rivulet/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OrchestratorDirectory } from "./directory.ts";

const PRICE = Rational.of(10n ** 8n);
const ETHER = 10n ** 18n;
const signer = keySigner(new Uint8Array(32).fill(7));
const log = silentLogger;

let clock: TestClock;
let chain: MemoryChain;
let started: { stop(): Promise<void> }[];

beforeEach(() => {
  clock = new TestClock();
  chain = new MemoryChain({ roundLength: 10_000n });
  chain.fund(signer.address, { deposit: ETHER, reserve: ETHER });
  started = [];
});

afterEach(async () => {
  for (const each of started.toReversed()) await each.stop();
});

async function seller(number: number, model: string, price: Rational) {
  const peer = new FakeOrchestrator({
    models: [{ capability: 27, model, capacity: 1, capacityInUse: 0 }],
    now: () => clock.now(),
  });
  const account = address(`0x${number.toString(16).padStart(40, "0")}`);
  const till = new FakeTill({ address: account, price }, { chain, clock, randomness: seededRandomness(number), log });
  await till.start();
  await peer.start();
  till.attach(peer);
  started.push(peer, till);
  return {
    till,
    uri: peer.uri,
    registered: {
      address: account,
      serviceUri: peer.uri,
      activationRound: 0n,
      deactivationRound: 2n ** 256n - 1n,
      stake: 1n,
    },
  };
}

async function directoryOf(...sellers: readonly Awaited<ReturnType<typeof seller>>[]) {
  const directory = new OrchestratorDirectory(
    { publicOnly: false },
    {
      pool: {
        round: round(1n),
        orchestrators: async () => sellers.map(({ registered }) => registered),
        onChanged: () => ({ [Symbol.dispose]() {} }),
      },
      signer,
      limits: { maxPrice: (_, model) => (model === "any/limited" ? PRICE : undefined) },
      clock,
      randomness: seededRandomness(1),
      log,
    },
  );
  await directory.start();
  started.push(directory);
  return directory;
}

/** Waits until so many are listed. */
async function listed(directory: OrchestratorDirectory, count: number) {
  for (;;) {
    try {
      const found = directory.list();
      if (found.length === count) return found;
    } catch (error) {
      if (!isError(error, "network.no-orchestrators")) throw error;
    }
    await turn();
  }
}

test("lists who does something at a price that is paid, by exact names, any of several", async () => {
  const [fair, free, dear] = [
    await seller(1, "any/limited", PRICE),
    await seller(2, "any/model", PRICE.times(100n)),
    await seller(3, "any/limited", PRICE.times(2n)),
  ];
  const directory = await directoryOf(fair, free, dear);
  const found = await listed(directory, 2);
  const entry = (uri: string, model: string) => ({
    address: uri,
    score: 1,
    capabilities: [`text-to-image/${model}`],
    runners: [],
  });
  expect(found).toEqual(expect.arrayContaining([entry(fair.uri, "any/limited"), entry(free.uri, "any/model")]));
  const urisOf = (...names: readonly string[]) => directory.list(names).map((each) => each.address);
  expect(urisOf("text-to-image/any/model")).toEqual([free.uri]);
  expect(urisOf("text-to-image/any/model", "text-to-image/any/limited").sort()).toEqual([fair.uri, free.uri].sort());
  expect(urisOf("text-to-image/any")).toEqual([]);
});

test("says so while nobody is known", async () => {
  const directory = await directoryOf();
  try {
    directory.list();
    expect.unreachable();
  } catch (error) {
    expect(isError(error, "network.no-orchestrators")).toBe(true);
  }
});
