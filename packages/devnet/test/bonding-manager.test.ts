import { type Address, ZERO_ADDRESS } from "@rivulet/crypto";
import { readVectors, TestClock } from "@rivulet/testkit";
import { maxUint256, parseEventLogs, type TransactionReceipt } from "viem";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bondingManager } from "../src/gen/bonding-manager.ts";
import { livepeerToken } from "../src/gen/livepeer-token.ts";
import { ticketBroker } from "../src/gen/ticket-broker.ts";
import { type DevelopmentAccount, type Devnet, developmentAccounts, type Snapshot, startDevnet } from "../src/index.ts";
import { amounts, reason } from "./refusal.ts";
import { RECIPIENT_RAND, sign, winningTicket } from "./tickets.ts";

const [owner, alice, bob, carol, sender, dave] = developmentAccounts;
const LPT = 10n ** 18n;
const ETHER = 10n ** 18n;

let devnet: Devnet;
let start: Snapshot;

beforeAll(async () => {
  devnet = await startDevnet({ roundLength: 1_000n, poolSize: 2n }, { clock: new TestClock() });
  await devnet.fundSender(sender.address, { deposit: 10n * ETHER, reserve: 0n });
  for (const { address } of developmentAccounts) {
    await devnet.giveTokens(address, 1_000_000n * LPT);
    await devnet.client.call({
      from: address,
      to: devnet.addresses.livepeerToken,
      abi: livepeerToken.abi,
      functionName: "approve",
      args: [devnet.addresses.bondingManager, maxUint256],
    });
  }
  start = await devnet.snapshot();
});
beforeEach(async () => {
  start = await devnet.revert(start);
});
afterAll(() => devnet.stop());

const bonding = () => ({ to: devnet.addresses.bondingManager, abi: bondingManager.abi }) as const;
const bond = ({ address: from }: DevelopmentAccount, amount: bigint, to: Address = from) =>
  devnet.client.call({ ...bonding(), from, functionName: "bond", args: [amount, to] });
const unbond = ({ address: from }: DevelopmentAccount, amount: bigint) =>
  devnet.client.call({
    ...bonding(),
    from,
    functionName: "unbondWithHint",
    args: [amount, ZERO_ADDRESS, ZERO_ADDRESS],
  });
const rebond = ({ address: from }: DevelopmentAccount, lock: bigint) =>
  devnet.client.call({ ...bonding(), from, functionName: "rebondWithHint", args: [lock, ZERO_ADDRESS, ZERO_ADDRESS] });
const rebondTo = ({ address: from }: DevelopmentAccount, to: Address, lock: bigint) =>
  devnet.client.call({
    ...bonding(),
    from,
    functionName: "rebondFromUnbondedWithHint",
    args: [to, lock, ZERO_ADDRESS, ZERO_ADDRESS],
  });
const setTerms = ({ address: from }: DevelopmentAccount, rewardCut: bigint, feeShare: bigint) =>
  devnet.client.call({ ...bonding(), from, functionName: "transcoder", args: [rewardCut, feeShare] });
const reward = ({ address: from }: DevelopmentAccount) =>
  devnet.client.call({ ...bonding(), from, functionName: "rewardWithHint", args: [ZERO_ADDRESS, ZERO_ADDRESS] });
const withdrawFees = ({ address: from }: DevelopmentAccount, to: Address, amount: bigint) =>
  devnet.client.call({ ...bonding(), from, functionName: "withdrawFees", args: [to, amount] });

const transcoderOf = async ({ address }: DevelopmentAccount) => {
  const args = [address] as const;
  const [lastRewardRound, rewardCut, feeShare, , activationRound, deactivationRound, , , cumulativeFees] =
    await devnet.client.read({ ...bonding(), functionName: "getTranscoder", args });
  return { lastRewardRound, rewardCut, feeShare, activationRound, deactivationRound, cumulativeFees };
};
const earningsOf = async ({ address }: DevelopmentAccount, round: bigint) => {
  const args = [address, round] as const;
  const call = { ...bonding(), functionName: "getTranscoderEarningsPoolForRound", args } as const;
  const [totalStake, rewardCut, feeShare, rewardFactor, feeFactor] = await devnet.client.read(call);
  return { totalStake, rewardCut, feeShare, rewardFactor, feeFactor };
};
const isActive = ({ address }: DevelopmentAccount) =>
  devnet.client.read({ ...bonding(), functionName: "isActiveTranscoder", args: [address] });
const pending = ({ address }: DevelopmentAccount, functionName: "pendingFees" | "pendingStake") =>
  devnet.client.read({ ...bonding(), functionName, args: [address, 0n] });
const eventsOf = ({ logs }: TransactionReceipt) => parseEventLogs({ abi: bondingManager.abi, logs });

async function pool(): Promise<readonly string[]> {
  const members: string[] = [];
  let member = await devnet.client.read({ ...bonding(), functionName: "getFirstTranscoderInPool", args: [] });
  while (member !== ZERO_ADDRESS) {
    members.push(nameOf(member));
    member = await devnet.client.read({ ...bonding(), functionName: "getNextTranscoderInPool", args: [member] });
  }
  const size = await devnet.client.read({ ...bonding(), functionName: "getTranscoderPoolSize", args: [] });
  expect(size).toBe(BigInt(members.length));
  return members;
}

const names = new Map(Object.entries({ alice, bob, carol, dave, owner }).map(([name, { address }]) => [address, name]));
const nameOf = (account: string) => names.get(account.toLowerCase() as Address) ?? account;

async function payFees(recipient: DevelopmentAccount, faceValue: bigint, senderNonce = 1n): Promise<void> {
  const fields = { recipient: recipient.address, sender: sender.address, faceValue, senderNonce };
  const ticket = await winningTicket(devnet, fields);
  await devnet.client.call({
    from: carol.address,
    to: devnet.addresses.ticketBroker,
    abi: ticketBroker.abi,
    functionName: "redeemWinningTicket",
    args: [ticket, sign(ticket, sender), RECIPIENT_RAND],
  });
}

describe("the pool", () => {
  test("has the largest stake first, and among equals the earlier one", async () => {
    await devnet.client.call({
      ...bonding(),
      from: owner.address,
      functionName: "setNumActiveTranscoders",
      args: [9n],
    });
    await bond(alice, 20n);
    await bond(bob, 30n);
    await bond(carol, 20n);
    await bond(dave, 10n);
    expect(await pool()).toEqual(["bob", "alice", "carol", "dave"]);
    await bond(dave, 15n);
    expect(await pool()).toEqual(["bob", "dave", "alice", "carol"]);
    await unbondNextRound(bob, 25n);
    expect(await pool()).toEqual(["dave", "alice", "carol", "bob"]);
  });

  test.each([
    ["right hints", () => [alice.address, bob.address] as const],
    ["hints the wrong way round", () => [bob.address, alice.address] as const],
    ["hints to strangers", () => [owner.address, dave.address] as const],
    ["half a hint", () => [ZERO_ADDRESS, bob.address] as const],
  ])("stays sorted with %s", async (_name, hints) => {
    await devnet.client.call({
      ...bonding(),
      from: owner.address,
      functionName: "setNumActiveTranscoders",
      args: [9n],
    });
    await bond(alice, 30n);
    await bond(bob, 10n);
    const args = [20n, carol.address, ZERO_ADDRESS, ZERO_ADDRESS, ...hints()] as const;
    await devnet.client.call({ ...bonding(), from: carol.address, functionName: "bondWithHint", args });
    expect(await pool()).toEqual(["alice", "carol", "bob"]);
  });

  test("who joins is active from the next round on", async () => {
    const round = await devnet.currentRound();
    const [, activated, bonded] = eventsOf(await bond(alice, 20n));
    expect(activated).toMatchObject({ eventName: "TranscoderActivated", args: { activationRound: round + 1n } });
    expect(bonded).toMatchObject({ eventName: "Bond", args: { additionalAmount: 20n, bondedAmount: 20n } });
    expect(await isActive(alice)).toBe(false);
    expect(await transcoderOf(alice)).toMatchObject({ activationRound: round + 1n, deactivationRound: maxUint256 });
    await devnet.nextRound();
    expect(await isActive(alice)).toBe(true);
    expect(await earningsOf(alice, round + 1n)).toMatchObject({ totalStake: 20n });
  });

  test("more stake than the last one's takes its place, as much does not", async () => {
    await bond(alice, 20n);
    await bond(bob, 10n);
    await devnet.nextRound();
    await bond(carol, 10n);
    expect(await pool()).toEqual(["alice", "bob"]);
    const round = await devnet.currentRound();
    const events = eventsOf(await bond(carol, 1n));
    expect(events).toMatchObject([
      { eventName: "TranscoderDeactivated", args: { deactivationRound: round + 1n } },
      { eventName: "TranscoderActivated", args: { activationRound: round + 1n } },
      { eventName: "Bond" },
    ]);
    expect(await pool()).toEqual(["alice", "carol"]);
    expect([await isActive(bob), await isActive(carol)]).toEqual([true, false]);
    await devnet.nextRound();
    expect([await isActive(bob), await isActive(carol)]).toEqual([false, true]);
  });

  test("who unbonds everything leaves it at the end of the round", async () => {
    await bond(alice, 20n);
    await devnet.nextRound();
    const round = await devnet.currentRound();
    const [claimed, ...events] = eventsOf(await unbond(alice, 20n));
    expect(claimed?.eventName).toBe("EarningsClaimed");
    expect(events).toMatchObject([
      { eventName: "TranscoderDeactivated", args: { deactivationRound: round + 1n } },
      { eventName: "Unbond", args: { amount: 20n, withdrawRound: round + 7n } },
    ]);
    expect(await pool()).toEqual([]);
    expect(await isActive(alice)).toBe(true);
    await devnet.nextRound();
    expect(await isActive(alice)).toBe(false);
  });

  test("a delegator's stake moves its orchestrator, from the next round on", async () => {
    await bond(alice, 20n);
    await bond(bob, 10n);
    const round = await devnet.nextRound();
    await bond(dave, 15n, bob.address);
    expect(await pool()).toEqual(["bob", "alice"]);
    expect(await earningsOf(bob, round)).toMatchObject({ totalStake: 10n });
    expect(await earningsOf(bob, round + 1n)).toMatchObject({ totalStake: 25n });
    const total = () => devnet.client.read({ ...bonding(), functionName: "getTotalBonded", args: [] });
    expect(await total()).toBe(30n);
    await devnet.nextRound();
    expect(await total()).toBe(45n);
  });
});

describe("bonding", () => {
  test("takes the tokens, and wants some", async () => {
    expect(await reason(bond(alice, 0n))).toBe("delegation amount must be greater than 0");
    const before = await tokens(alice.address);
    await bond(alice, 20n);
    expect(before - (await tokens(alice.address))).toBe(20n);
    expect(await reason(bond(alice, 2_000_000n * LPT))).toBe("ERC20: transfer amount exceeds balance");
  });

  test("a delegator takes its stake along, an orchestrator cannot", async () => {
    await bond(alice, 20n);
    await bond(bob, 10n);
    await bond(dave, 5n, alice.address);
    await devnet.nextRound();
    await bond(dave, 1n, bob.address);
    const stake = (account: DevelopmentAccount) =>
      devnet.client.read({ ...bonding(), functionName: "transcoderTotalStake", args: [account.address] });
    expect([await stake(alice), await stake(bob)]).toEqual([20n, 16n]);
    expect(await reason(bond(alice, 1n, bob.address))).toBe(
      "registered transcoders can't delegate towards other addresses",
    );
  });

  test("unbonding, rebonding and withdrawing have their reasons", async () => {
    expect(await reason(unbond(alice, 1n))).toBe("caller must be bonded");
    await bond(alice, 20n);
    expect(await reason(unbond(alice, 1n))).toBe("caller must be bonded");
    await devnet.nextRound();
    expect(await reason(unbond(alice, 0n))).toBe("unbond amount must be greater than 0");
    expect(await reason(unbond(alice, 21n))).toBe("amount is greater than bonded amount");
    await unbond(alice, 5n);
    expect(await reason(rebond(alice, 1n))).toBe("invalid unbonding lock ID");
    expect(await reason(rebondTo(alice, alice.address, 0n))).toBe("caller must be unbonded");
    expect(await reason(withdrawStake(0n))).toBe("withdraw round must be before or equal to the current round");
    await rebond(alice, 0n);
    expect(await reason(withdrawStake(0n))).toBe("invalid unbonding lock ID");
    await unbond(alice, 20n);
    expect(await reason(rebond(alice, 1n))).toBe("caller must be bonded");
    await devnet.nextRound();
    await rebondTo(alice, alice.address, 1n);
    expect(await pool()).toEqual(["alice"]);
    await devnet.nextRound();
    await unbond(alice, 4n);
    for (let round = 0; round < 7; round += 1) await devnet.nextRound();
    const before = await tokens(alice.address);
    await withdrawStake(2n);
    expect((await tokens(alice.address)) - before).toBe(4n);
  });

  test("needs a round that has begun, on a chain that is not paused", async () => {
    await devnet.client.request("hardhat_mine", "0x3e8", "0x0");
    expect(await reason(bond(alice, 1n))).toBe("current round is not initialized");
    expect(await reason(reward(alice))).toBe("current round is not initialized");
    expect(await reason(withdrawFees(alice, alice.address, 0n))).toBe("current round is not initialized");
  });
});

describe("terms", () => {
  test("every check has its reason, in order", async () => {
    const head = await devnet.client.blockNumber();
    await devnet.mine(1_900n - head);
    expect(await reason(setTerms(alice, 1_000_001n, 1_000_001n))).toBe(
      "can't update transcoder params, current round is locked",
    );
    await devnet.nextRound();
    expect(await reason(setTerms(alice, 1_000_001n, 1_000_001n))).toBe("invalid rewardCut percentage");
    expect(await reason(setTerms(alice, 1_000_000n, 1_000_001n))).toBe("invalid feeShare percentage");
    expect(await reason(setTerms(alice, 1_000_000n, 1_000_000n))).toBe("transcoder must be registered");
    await bond(alice, 20n);
    expect(eventsOf(await setTerms(alice, 100_000n, 50_000n))).toMatchObject([
      { eventName: "TranscoderUpdate", args: { rewardCut: 100_000n, feeShare: 50_000n } },
    ]);
    await devnet.nextRound();
    const active = "caller can't be active or must have already called reward for the current round";
    expect(await reason(setTerms(alice, 0n, 0n))).toBe(active);
    await reward(alice);
    await setTerms(alice, 0n, 0n);
    expect(await transcoderOf(alice)).toMatchObject({ rewardCut: 0n, feeShare: 0n });
  });
});

describe("fees", () => {
  test("only the broker brings them", async () => {
    await bond(alice, 20n);
    const args = [alice.address, 1n, 1n] as const;
    const call = { ...bonding(), from: alice.address, functionName: "updateTranscoderWithFees", args } as const;
    expect(await reason(devnet.client.call(call))).toBe("caller must be TicketBroker");
  });

  test("cannot arrive in the round in which the recipient registers", async () => {
    await bond(alice, 20n);
    expect(await reason(payFees(alice, 1n))).toBe("execution reverted");
    await devnet.nextRound();
    await payFees(alice, 1n);
  });

  test("vectors/chain/perc-math: shared with delegators, to the wei", async () => {
    const split = readVectors("chain")
      .get("perc-math")
      ?.cases.find(({ input }) => "feeShare" in (input as object));
    const given = amounts<"fees" | "feeShare" | "totalStake">(split?.input);
    const wanted = amounts<"delegatorsFees" | "transcoderCommissionFees" | "cumulativeFeeFactor">(split?.expected);
    const stake = given.totalStake;
    await bond(alice, stake / 2n);
    await bond(dave, stake / 2n, alice.address);
    await setTerms(alice, 0n, given.feeShare);
    const round = await devnet.nextRound();
    await payFees(alice, given.fees);
    expect(await earningsOf(alice, round)).toMatchObject({ feeFactor: wanted.cumulativeFeeFactor });
    // Alice has half of the stake, and no reward that she has earned stands beside it.
    expect(await transcoderOf(alice)).toMatchObject({ cumulativeFees: wanted.transcoderCommissionFees });
    expect(await pending(alice, "pendingFees")).toBe(wanted.transcoderCommissionFees + wanted.delegatorsFees / 2n);
    expect(await pending(dave, "pendingFees")).toBe(wanted.delegatorsFees / 2n);
  });

  test("vectors/chain/perc-math: an orchestrator's earned rewards have a part in what delegators get", async () => {
    const split = readVectors("chain")
      .get("perc-math")
      ?.cases.find(({ input }) => "feeShare" in (input as object));
    const given = amounts<"fees" | "feeShare" | "totalStake">(split?.input);
    // All of the round's tokens go to Alice as her commission.
    await bond(alice, given.totalStake);
    await setTerms(alice, 1_000_000n, given.feeShare);
    await devnet.nextRound();
    await reward(alice);
    const round = await devnet.nextRound();
    const earned = (await pending(alice, "pendingStake")) - given.totalStake;
    expect(earned).toBeGreaterThan(0n);
    await payFees(alice, given.fees);
    const { totalStake } = await earningsOf(alice, round);
    expect(totalStake).toBe(given.totalStake + earned);
    const delegatorsFees = given.fees / 2n;
    const ownRewardsFees = (delegatorsFees * ((earned * 10n ** 27n) / totalStake)) / 10n ** 27n;
    const { cumulativeFees } = await transcoderOf(alice);
    expect(cumulativeFees).toBe(given.fees - delegatorsFees + ownRewardsFees);
  });

  test("without a share for delegators every wei is the orchestrator's", async () => {
    await bond(alice, 7n * LPT + 3n);
    await setTerms(alice, 100_000n, 0n);
    await devnet.nextRound();
    await payFees(alice, 1_000_000_000_001n);
    await devnet.nextRound();
    await payFees(alice, 3n, 2n);
    expect(await pending(alice, "pendingFees")).toBe(1_000_000_000_004n);
  });

  test("are paid out in ETH", async () => {
    await bond(alice, 20n);
    await setTerms(alice, 0n, 0n);
    await devnet.nextRound();
    await payFees(alice, 100n);
    expect(await reason(withdrawFees(alice, ZERO_ADDRESS, 1n))).toBe("invalid recipient");
    expect(await reason(withdrawFees(alice, alice.address, 101n))).toBe("insufficient fees to withdraw");
    const purse = `0x${"1".repeat(40)}` as Address;
    const events = eventsOf(await withdrawFees(alice, purse, 60n));
    expect(events.map(({ eventName }) => eventName)).toEqual(["EarningsClaimed", "WithdrawFees"]);
    expect(await devnet.client.viem.getBalance({ address: purse as `0x${string}` })).toBe(60n);
    expect(await pending(alice, "pendingFees")).toBe(40n);
  });
});

describe("rewards", () => {
  test("are for the active, once a round", async () => {
    await bond(alice, 20n * LPT);
    expect(await reason(reward(alice))).toBe("caller must be an active transcoder");
    await devnet.nextRound();
    expect(eventsOf(await reward(alice)).map(({ eventName }) => eventName)).toContain("Reward");
    expect(await reason(reward(alice))).toBe("caller has already called reward for the current round");
  });

  test("are shared by stake after the orchestrator's cut, and claimed into the stake", async () => {
    await bond(alice, 75n * LPT);
    await bond(dave, 25n * LPT, alice.address);
    await setTerms(alice, 200_000n, 0n);
    await devnet.nextRound();
    const [rewarded] = eventsOf(await reward(alice)).filter(({ eventName }) => eventName === "Reward");
    const amount = rewarded !== undefined && "amount" in rewarded.args ? rewarded.args.amount : 0n;
    await devnet.nextRound();
    const [hers, his] = [await pending(alice, "pendingStake"), await pending(dave, "pendingStake")];
    const [cut, rest] = [amount / 5n, amount - amount / 5n];
    expect(his - 25n * LPT).toBe(rest / 4n);
    expect(hers - 75n * LPT).toBeGreaterThanOrEqual(cut + (rest * 3n) / 4n - 1n);
    await devnet.client.call({ ...bonding(), from: dave.address, functionName: "claimEarnings", args: [0n] });
    const [bonded] = await devnet.client.read({ ...bonding(), functionName: "getDelegator", args: [dave.address] });
    expect(bonded).toBe(his);
  });
});

async function unbondNextRound(account: DevelopmentAccount, amount: bigint): Promise<void> {
  await devnet.nextRound();
  await unbond(account, amount);
}

function withdrawStake(lock: bigint) {
  return devnet.client.call({ ...bonding(), from: alice.address, functionName: "withdrawStake", args: [lock] });
}

function tokens(account: Address): Promise<bigint> {
  const to = devnet.addresses.livepeerToken;
  return devnet.client.read({ to, abi: livepeerToken.abi, functionName: "balanceOf", args: [account] });
}
