import { address } from "@rivulet/crypto";
import { readVectors, TestClock } from "@rivulet/testkit";
import { encodeDeployData, parseEventLogs } from "viem";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { controller } from "../src/gen/controller.ts";
import { roundsManager } from "../src/gen/rounds-manager.ts";
import { type Devnet, developmentAccounts, type Snapshot, startDevnet } from "../src/index.ts";
import { amounts, reason } from "./refusal.ts";

const owner = developmentAccounts[0].address;

let devnet: Devnet;
let start: Snapshot;

beforeAll(async () => {
  devnet = await startDevnet({ initializesRounds: false }, { clock: new TestClock() });
  start = await devnet.snapshot();
});
beforeEach(async () => {
  start = await devnet.revert(start);
});
afterAll(() => devnet.stop());

const rounds = (to = devnet.addresses.roundsManager) => ({ to, abi: roundsManager.abi }) as const;
const currentRound = () => devnet.client.read({ ...rounds(), functionName: "currentRound", args: [] });
const isInitialized = () => devnet.client.read({ ...rounds(), functionName: "currentRoundInitialized", args: [] });
const initialize = () => devnet.client.call({ ...rounds(), from: owner, functionName: "initializeRound", args: [] });

/** A case of vectors/chain/rounds. */
interface RoundCase {
  readonly l1Block: string;
  readonly lastRoundLengthUpdateRound: string;
  readonly lastRoundLengthUpdateStartBlock: string;
  readonly roundLength: string;
  readonly roundLockAmount: string;
}

describe("the round of a block", () => {
  // From the lowest block to the highest: a chain does not go back.
  const cases = [...(readVectors("chain").get("rounds")?.cases ?? [])];
  for (const [index, { input, expected }] of cases.entries())
    test(`vectors/chain/rounds, case ${index + 1}`, async () => {
      const given = amounts<keyof RoundCase>(input);
      const { lastRoundLengthUpdateRound, lastRoundLengthUpdateStartBlock, roundLength, roundLockAmount } = given;
      const { contractAddress } = await devnet.client.transact({
        from: owner,
        data: encodeDeployData({
          ...roundsManager,
          args: [
            `0x${devnet.addresses.controller.slice(2)}`,
            roundLength,
            roundLockAmount,
            1n,
            lastRoundLengthUpdateRound,
            lastRoundLengthUpdateStartBlock,
          ],
        }),
      });
      await devnet.mine(given.l1Block - (await devnet.client.blockNumber()));
      const at = rounds(address(contractAddress ?? ""));
      expect({
        currentRound: String(await devnet.client.read({ ...at, functionName: "currentRound", args: [] })),
        currentRoundStartBlock: String(
          await devnet.client.read({ ...at, functionName: "currentRoundStartBlock", args: [] }),
        ),
        locked: await devnet.client.read({ ...at, functionName: "currentRoundLocked", args: [] }),
      }).toEqual(expected);
    });
});

describe("initializing a round", () => {
  test("remembers the hash of the block before, and says so", async () => {
    await devnet.nextRound();
    const block = await devnet.client.viem.getBlock();
    const { logs } = await initialize();
    const round = await currentRound();
    expect(parseEventLogs({ abi: roundsManager.abi, logs })).toMatchObject([
      { eventName: "NewRound", args: { round, blockHash: block.hash } },
    ]);
    const hash = devnet.client.read({ ...rounds(), functionName: "blockHashForRound", args: [round] });
    expect(await hash).toBe(block.hash);
    expect(await isInitialized()).toBe(true);
  });

  test("happens once a round", async () => {
    await devnet.nextRound();
    await initialize();
    expect(await reason(initialize())).toBe("round already initialized");
  });

  test("is not possible while the system is paused", async () => {
    const { abi } = controller;
    const to = devnet.addresses.controller;
    await devnet.client.call({ from: owner, to, abi, functionName: "pause", args: [] });
    await devnet.nextRound();
    expect(await reason(initialize())).toBe("system is paused");
  });

  test("skips the rounds that nobody initialized", async () => {
    await devnet.nextRound();
    const skipped = await devnet.nextRound();
    await devnet.nextRound();
    expect(await isInitialized()).toBe(false);
    await initialize();
    expect(await isInitialized()).toBe(true);
    const hash = devnet.client.read({ ...rounds(), functionName: "blockHashForRound", args: [skipped] });
    expect(BigInt(await hash)).toBe(0n);
  });
});

test("hashes of blocks are known for 256 blocks", async () => {
  await devnet.mine(300n);
  const head = await devnet.client.blockNumber();
  const hashOf = (block: bigint) => devnet.client.read({ ...rounds(), functionName: "blockHash", args: [block] });
  const block = await devnet.client.viem.getBlock({ blockNumber: head - 10n });
  expect(await hashOf(head - 10n)).toBe(block.hash);
  expect(await reason(hashOf(head - 299n))).toBe("can only retrieve hashes for last 256 blocks");
  expect(await reason(hashOf(head + 9n))).toBe("can only retrieve past block hashes");
});
