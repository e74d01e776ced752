import { type Chain, connectChain, local, memoryAccount, PrivateKey } from "@rivulet/chain";
import { type DevelopmentAccount, type Devnet, startDevnet } from "@rivulet/devnet";
import { type Logger, RivuletError, silentLogger } from "@rivulet/primitives";
import { TestClock, turn } from "@rivulet/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ChainAccount } from "../src/account/chain-account.ts";
import { RewardCaller } from "../src/money/reward-caller.ts";

const ETHER = 10n ** 18n;

let clock: TestClock;
let devnet: Devnet;
let account: DevelopmentAccount;
let chain: Chain;
let caller: RewardCaller;
/** What was logged, by level and event. */
let told: string[];

beforeEach(async () => {
  clock = new TestClock();
  told = [];
  devnet = await startDevnet({}, { clock });
  account = devnet.accounts[3] as DevelopmentAccount;
  chain = await connectChain(
    { network: local, urls: [devnet.url], recipient: account.address },
    { clock, account: memoryAccount(PrivateKey.fromHex(account.privateKey)) },
  );
  await chain.start();
  const note = (level: string) => (event: string) => void told.push(`${level} ${event}`);
  const log: Logger = { ...silentLogger, info: note("info"), warn: note("warn") };
  caller = new RewardCaller({ ...chain, log });
  await caller.start();
});

afterEach(async () => {
  await caller.stop();
  await chain.stop();
  await devnet.stop();
});

const state = async () => {
  const { endpoints, contracts } = chain;
  const { address } = account;
  const [[lastRewardRound], stake] = await endpoints.batch([
    contracts.bonding.read("getTranscoder", [address]),
    contracts.bonding.read("transcoderTotalStake", [address]),
  ]);
  return { lastRewardRound, stake };
};
const sent = async () => Number(await devnet.client.request("eth_getTransactionCount", account.address, "latest"));

/** Adds a block, and lets the node see it. */
async function block(): Promise<void> {
  await devnet.mine();
  await seen();
}

async function seen(): Promise<void> {
  const head = BigInt(String(await devnet.client.request("eth_blockNumber")));
  while (chain.rounds.l1Block < head) {
    await clock.advance(local.pollInterval);
    await turn();
  }
}

test("an active orchestrator's reward is minted once in each round", async () => {
  await block();
  expect(await sent()).toBe(0);
  await devnet.registerOrchestrator(account.address, { serviceUri: "https://127.0.0.1:8935" });
  const before = await state();
  await devnet.nextRound();
  await seen();
  while (told.length === 0) await turn();
  expect(told).toEqual(["info reward minted"]);
  const after = await state();
  expect(after.lastRewardRound).toBe(chain.rounds.lastInitializedRound);
  expect(after.stake).toBeGreaterThan(before.stake);
  const count = await sent();
  await block();
  await block();
  expect(await sent()).toBe(count);
  await devnet.nextRound();
  await seen();
  while (told.length === 1) await turn();
  expect((await state()).lastRewardRound).toBe(after.lastRewardRound + 1n);
});

test("a reward that cannot be minted is told once, and tried with every block", async () => {
  await devnet.registerOrchestrator(account.address, { serviceUri: "https://127.0.0.1:8935" });
  await devnet.client.request("hardhat_setBalance", account.address, "0x64");
  await devnet.nextRound();
  await seen();
  while (told.length === 0) await turn();
  await block();
  await block();
  expect(told).toEqual(["warn reward not minted"]);
  await devnet.client.request("hardhat_setBalance", account.address, `0x${ETHER.toString(16)}`);
  while (told.length === 1) await block();
  expect(told[1]).toBe("info reward minted");
});

test("a call that fails on the chain costs gas: it is made three times in a round and no more", async () => {
  await caller.stop();
  let calls = 0;
  const send = async () => {
    calls += 1;
    throw new RivuletError("chain.transaction-failed", { hash: "0x", reason: "out of gas" });
  };
  caller = new RewardCaller({ ...chain, transactions: { address: account.address, send }, log: silentLogger });
  await caller.start();
  await devnet.registerOrchestrator(account.address, { serviceUri: "https://127.0.0.1:8935" });
  await devnet.nextRound();
  await seen();
  for (const expected of [1, 2, 3]) {
    while (calls < expected) await turn();
    await block();
  }
  await block();
  await block();
  expect(calls).toBe(3);
  await devnet.nextRound();
  await seen();
  while (calls === 3) await turn();
});

test("an active orchestrator that changes its cuts gets its reward first, as the contract demands", async () => {
  await caller.stop();
  await devnet.registerOrchestrator(account.address, { serviceUri: "https://127.0.0.1:8935", rewardCut: 100_000n });
  await devnet.nextRound();
  const own = new ChainAccount(chain);
  const listed = await own.stake(account.address);
  expect(listed).toMatchObject({ isActive: true, rewardCut: 100_000n });
  const steps = await own.register({ ...listed, rewardCut: 200_000n, stake: 0n });
  expect(steps.map(({ what }) => what)).toEqual(["mint the reward", "set the cuts"]);
  expect((await own.register({ ...listed, rewardCut: 300_000n, stake: 0n })).map(({ what }) => what)).toEqual([
    "set the cuts",
  ]);
});

test("stake that is moved with its place in the pool costs less gas than without, and stands where it should", async () => {
  for (const [index, stake] of [
    [4, 400n],
    [5, 300n],
    [6, 200n],
  ] as const) {
    const member = devnet.accounts[index];
    if (member !== undefined)
      await devnet.registerOrchestrator(member.address, {
        serviceUri: `https://127.0.0.1:${index}`,
        stake: stake * ETHER,
      });
  }
  await devnet.giveTokens(account.address, 1000n * ETHER);
  await devnet.nextRound();
  const own = new ChainAccount(chain);
  await own.addStake(250n * ETHER);
  await devnet.nextRound();
  const { bonding } = chain.contracts;
  const nobody = "0x0000000000000000000000000000000000000000" as const;
  const unhinted = await chain.transactions.estimate(bonding.write("unbondWithHint", [100n * ETHER, nobody, nobody]));
  const { gasUsed } = await own.removeStake(100n * ETHER);
  expect(gasUsed).toBeLessThan(unhinted);
  const next = await chain.endpoints.request(
    bonding.read("getNextTranscoderInPool", [devnet.accounts[6]?.address ?? nobody]),
  );
  expect(String(next).toLowerCase()).toBe(account.address);
});
