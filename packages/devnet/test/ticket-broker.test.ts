import { readVectors, TestClock } from "@rivulet/testkit";
import { type Hex, maxUint256, parseEventLogs, type TransactionReceipt } from "viem";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bondingManager } from "../src/gen/bonding-manager.ts";
import { controller } from "../src/gen/controller.ts";
import { roundsManager } from "../src/gen/rounds-manager.ts";
import { ticketBroker } from "../src/gen/ticket-broker.ts";
import { type DevelopmentAccount, type Devnet, developmentAccounts, type Snapshot, startDevnet } from "../src/index.ts";
import { amounts, NO_REFUSAL, reason } from "./refusal.ts";
import {
  auxData,
  RECIPIENT_RAND,
  sign,
  type TicketFields,
  ticketHash,
  winningTicket,
  withHighS,
  withV,
} from "./tickets.ts";

const [owner, alice, bob, carol, sender, stranger] = developmentAccounts;

/** Longer than any test here makes blocks. */
const roundLength = 1_000n;
const ETHER = 10n ** 18n;

let devnet: Devnet;
let start: Snapshot;

beforeAll(async () => {
  devnet = await startDevnet({ roundLength, unlockPeriod: 0n }, { clock: new TestClock() });
  for (const { address } of [alice, bob, carol])
    await devnet.registerOrchestrator(address, { serviceUri: "https://127.0.0.1:8935" });
  await devnet.nextRound();
  await devnet.giveEther(sender.address, 100n * ETHER);
  start = await devnet.snapshot();
});
beforeEach(async () => {
  start = await devnet.revert(start);
});
afterAll(() => devnet.stop());

const broker = () => ({ to: devnet.addresses.ticketBroker, abi: ticketBroker.abi }) as const;
const bonding = () => ({ to: devnet.addresses.bondingManager, abi: bondingManager.abi }) as const;

const owned = (functionName: "pause" | "unpause") =>
  devnet.client.call({
    from: owner.address,
    to: devnet.addresses.controller,
    abi: controller.abi,
    functionName,
    args: [],
  });
const plain = (functionName: "unlock" | "cancelUnlock" | "withdraw", from = sender.address) =>
  devnet.client.call({ ...broker(), from, functionName, args: [] });
const fund = (functionName: "fundDeposit" | "fundReserve", value: bigint) =>
  devnet.client.call({ ...broker(), from: sender.address, functionName, args: [], value });
const fundBoth = (deposit: bigint, reserve: bigint, value = deposit + reserve) =>
  devnet.client.call({
    ...broker(),
    from: sender.address,
    functionName: "fundDepositAndReserve",
    args: [deposit, reserve],
    value,
  });
const fundFor = (from: DevelopmentAccount, deposit: bigint, reserve: bigint) =>
  devnet.client.call({
    ...broker(),
    from: from.address,
    functionName: "fundDepositAndReserveFor",
    args: [sender.address, deposit, reserve],
    value: deposit + reserve,
  });
const redeem = (ticket: TicketFields, signature: Hex = sign(ticket, sender), recipientRand = RECIPIENT_RAND) =>
  devnet.client.call({
    ...broker(),
    from: stranger.address,
    functionName: "redeemWinningTicket",
    args: [ticket, signature, recipientRand],
  });
const infoOf = (account = sender) =>
  devnet.client.read({ ...broker(), functionName: "getSenderInfo", args: [account.address] });
const feesOf = ({ address }: DevelopmentAccount) =>
  devnet.client.read({ ...bonding(), functionName: "pendingFees", args: [address, 0n] });
const ticketFor = (recipient: DevelopmentAccount, faceValue: bigint, fields: Partial<TicketFields> = {}) =>
  winningTicket(devnet, { recipient: recipient.address, sender: sender.address, faceValue, ...fields });
const eventsOf = ({ logs }: TransactionReceipt) => parseEventLogs({ abi: ticketBroker.abi, logs });
const namesOf = (receipt: TransactionReceipt) => eventsOf(receipt).map(({ eventName }) => eventName);

describe("redeeming", () => {
  test("every check has its reason, and they come in the contract's order", async () => {
    const creation = await ticketFor(alice, 100n);
    await fund("fundDeposit", 100n);
    await redeem(creation);
    await fund("fundDeposit", 1n);
    await plain("unlock");
    await plain("withdraw");
    // A ticket in which everything is wrong at once, on a chain that is paused, in a round nobody has begun.
    let ticket: TicketFields = {
      ...creation,
      recipient: `0x${"0".repeat(40)}` as TicketFields["recipient"],
      sender: `0x${"0".repeat(40)}` as TicketFields["sender"],
      auxData: "0x",
    };
    let rand = 1n;
    let signed = (each: TicketFields): Hex => sign(each, stranger).slice(0, -2) as Hex;
    await owned("pause");
    await devnet.client.request("hardhat_mine", `0x${roundLength.toString(16)}`, "0x0");
    const change = (fields: Partial<TicketFields>) => {
      ticket = { ...ticket, ...fields };
    };
    const round = await devnet.currentRound();
    const steps: readonly (readonly [string, () => unknown])[] = [
      ["system is paused", () => owned("unpause")],
      ["current round is not initialized", () => devnet.mine()],
      ["ticket recipient is null address", () => change({ recipient: alice.address })],
      ["ticket sender is null address", () => change({ sender: sender.address })],
      [
        "invalid length for ticket auxData: must be 64 bytes",
        () => change({ auxData: auxData(999n, "0x".padEnd(66, "1") as Hex) }),
      ],
      [
        "ticket creationRound does not have a block hash",
        () => change({ auxData: auxData(1n, "0x".padEnd(66, "1") as Hex) }),
      ],
      [
        "ticket creationRoundBlockHash invalid for creationRound",
        async () => change({ auxData: auxData(1n, await roundHash(1n)) }),
      ],
      ["ticket is expired", () => change({ auxData: creation.auxData })],
      ["recipientRand does not match recipientRandHash", () => (rand = RECIPIENT_RAND)],
      ["ticket is used", () => change({ senderNonce: 2n, winProb: 0n })],
      ["INVALID_SIGNATURE_LENGTH", () => (signed = (each) => withHighS(sign(each, stranger)))],
      ["ECDSA: invalid signature 's' value", () => (signed = (each) => withV(sign(each, stranger), 29))],
      ["ECDSA: invalid signature 'v' value", () => (signed = () => withV(`0x${"00".repeat(65)}`, 27))],
      ["ECDSA: invalid signature", () => (signed = (each) => sign(each, stranger))],
      ["invalid signature over ticket hash", () => (signed = (each) => sign(each, sender))],
      ["ticket did not win", () => change({ winProb: maxUint256 })],
      ["sender is unlocked", () => fund("fundDeposit", 0n)],
      ["sender deposit and reserve are zero", () => fund("fundDeposit", 100n)],
    ];
    expect(round).toBe(3n);
    for (const [expected, repair] of steps) {
      expect(await reason(redeem(ticket, signed(ticket), rand))).toBe(expected);
      await repair();
    }
    expect(namesOf(await redeem(ticket, signed(ticket), rand))).toEqual([
      "WinningTicketTransfer",
      "WinningTicketRedeemed",
    ]);
    expect(await feesOf(alice)).toBe(200n);
  });

  test("the face value comes out of the deposit and is the recipient's fee", async () => {
    await fundBoth(1_000n, 300n);
    const ticket = await ticketFor(alice, 400n);
    const [transfer, redeemed] = eventsOf(await redeem(ticket));
    expect(transfer).toMatchObject({ args: { amount: 400n } });
    expect(redeemed).toMatchObject({
      args: {
        faceValue: 400n,
        winProb: maxUint256,
        senderNonce: 1n,
        recipientRand: RECIPIENT_RAND,
        auxData: ticket.auxData,
      },
    });
    expect(await infoOf()).toEqual([
      { deposit: 600n, withdrawRound: 0n },
      { fundsRemaining: 300n, claimedInCurrentRound: 0n },
    ]);
    expect(await feesOf(alice)).toBe(400n);
    const [args, functionName] = [[ticketHash(ticket)], "usedTickets"] as const;
    expect(await devnet.client.read({ ...broker(), functionName, args })).toBe(true);
  });

  test("the hash is that of the ticket's packed fields", async () => {
    const ticket = await ticketFor(bob, 5n);
    const hash = await devnet.client.read({ ...broker(), functionName: "getTicketHash", args: [ticket] });
    expect(hash).toBe(ticketHash(ticket));
  });

  test("a ticket is paid once", async () => {
    await fund("fundDeposit", 1_000n);
    const ticket = await ticketFor(alice, 100n);
    await redeem(ticket);
    expect(await reason(redeem(ticket))).toBe("ticket is used");
    expect(await feesOf(alice)).toBe(100n);
  });

  test("a recipient that is not registered cannot be paid, and its ticket stays unused", async () => {
    await fund("fundDeposit", 1_000n);
    const ticket = await ticketFor(stranger, 100n);
    expect(await reason(redeem(ticket))).toBe("transcoder must be registered");
    expect((await infoOf())[0].deposit).toBe(1_000n);
  });

  test("a win has to be drawn below the probability, not at it", async () => {
    await fund("fundDeposit", 1_000n);
    // The draw depends on the signature, which depends on the probability: some nonces win at half chance, some do not.
    const outcomes = new Set<string>();
    for (let nonce = 1n; nonce <= 12n; nonce += 1n) {
      const ticket = await ticketFor(alice, 1n, { winProb: maxUint256 / 2n, senderNonce: nonce });
      outcomes.add(await reason(redeem(ticket)));
    }
    expect([...outcomes].sort()).toEqual([NO_REFUSAL, "ticket did not win"]);
  });

  test("a ticket for nothing is used up without a transfer", async () => {
    await fund("fundDeposit", 10n);
    expect(namesOf(await redeem(await ticketFor(alice, 0n)))).toEqual(["WinningTicketRedeemed"]);
  });
});

describe("the life of a ticket", () => {
  test.each([0n, 1n, 2n, 3n])(
    "%d rounds after its creation it is redeemable only within its validity of two rounds",
    async (age) => {
      await fund("fundDeposit", 1_000n);
      const ticket = await ticketFor(alice, 100n);
      for (let round = 0n; round < age; round += 1n) await devnet.nextRound();
      expect(await reason(redeem(ticket))).toBe(age < 2n ? NO_REFUSAL : "ticket is expired");
    },
  );

  for (const [index, { input, expected }] of (readVectors("chain").get("ticket-expiry")?.cases ?? []).entries())
    test(`vectors/chain/ticket-expiry, case ${index + 1}`, async () => {
      const given = input as { creationRound: string; currentRound: string; ticketValidityPeriod: string };
      await devnet.client.call({
        ...broker(),
        from: owner.address,
        functionName: "setTicketValidityPeriod",
        args: [BigInt(given.ticketValidityPeriod)],
      });
      await fund("fundDeposit", 1_000n);
      const ticket = await ticketFor(alice, 100n);
      const rounds = BigInt(given.currentRound) - BigInt(given.creationRound);
      for (let round = 0n; round < rounds; round += 1n) await devnet.nextRound();
      const refusal = await reason(redeem(ticket));
      expect(refusal !== "ticket is expired").toBe((expected as { redeemable: boolean }).redeemable);
    });

  test("a round that nobody initialized has no hash, and a ticket made in it cannot be redeemed", async () => {
    await fund("fundDeposit", 1_000n);
    await devnet.mine(2n * roundLength);
    const skipped = (await devnet.currentRound()) - 1n;
    const ticket = await ticketFor(alice, 100n, { auxData: auxData(skipped, "0x".padEnd(66, "0") as Hex) });
    expect(await reason(redeem(ticket))).toBe("ticket creationRound does not have a block hash");
  });
});

/** A case of vectors/chain/reserve-claim. */
interface ReserveCase {
  readonly faceValue: string;
  readonly deposit: string;
  readonly reserveFunds: string;
  readonly claimedInRound: string;
  readonly claimedByClaimant: string;
}

describe("deposit and reserve", () => {
  const cases = readVectors("chain").get("reserve-claim")?.cases ?? [];
  for (const [index, { input, expected }] of cases.entries())
    test(`vectors/chain/reserve-claim, case ${index + 1}`, async () => {
      const given = amounts<keyof ReserveCase>(input);
      const wanted = amounts(expected);
      if (!(input as { claimantActive: boolean }).claimantActive) await evict(alice);
      const [total, byAlice, byOthers] = [
        given.reserveFunds + given.claimedInRound,
        given.claimedByClaimant,
        given.claimedInRound - given.claimedByClaimant,
      ];
      await fund("fundReserve", total);
      if (byAlice > 0n) await redeem(await ticketFor(alice, byAlice, { senderNonce: 101n }));
      if (byOthers > 0n) await redeem(await ticketFor(bob, byOthers, { senderNonce: 102n }));
      await fund("fundDeposit", given.deposit);
      const claimable = await devnet.client.read({
        ...broker(),
        functionName: "claimableReserve",
        args: [sender.address, alice.address],
      });
      const before = await feesOf(alice);
      const receipt = await redeem(await ticketFor(alice, given.faceValue));
      const [account, reserve] = await infoOf();
      const claimedBy = await devnet.client.read({
        ...broker(),
        functionName: "claimedReserve",
        args: [sender.address, alice.address],
      });
      expect({
        claimable,
        claimed: claimIn(receipt),
        transfer: (await feesOf(alice)) - before,
        deposit: account.deposit,
        reserve: reserve.fundsRemaining,
        claimedInRound: reserve.claimedInCurrentRound,
        claimedBy,
      }).toEqual(wanted);
    });

  test("a claim says so before the transfer does", async () => {
    await fundBoth(10n, 300n);
    const receipt = await redeem(await ticketFor(alice, 50n));
    expect(namesOf(receipt)).toEqual(["ReserveClaimed", "WinningTicketTransfer", "WinningTicketRedeemed"]);
    expect(claimIn(receipt)).toBe(40n);
  });

  test("a round begins with nothing claimed", async () => {
    await fund("fundReserve", 300n);
    await redeem(await ticketFor(alice, 1_000n));
    expect((await infoOf())[1]).toEqual({ fundsRemaining: 200n, claimedInCurrentRound: 100n });
    await devnet.nextRound();
    expect((await infoOf())[1]).toEqual({ fundsRemaining: 200n, claimedInCurrentRound: 0n });
    await redeem(await ticketFor(alice, 1_000n, { senderNonce: 2n }));
    expect((await infoOf())[1]).toEqual({ fundsRemaining: 134n, claimedInCurrentRound: 66n });
  });

  test("recipients draw from their own part only, whoever comes first", async () => {
    await fund("fundReserve", 900n);
    for (const [index, recipient] of [alice, bob, carol].entries())
      await redeem(await ticketFor(recipient, 1_000n, { senderNonce: BigInt(index + 1) }));
    for (const recipient of [alice, bob, carol]) expect(await feesOf(recipient)).toBe(300n);
    expect((await infoOf())[1]).toEqual({ fundsRemaining: 0n, claimedInCurrentRound: 900n });
  });
});

describe("a batch", () => {
  test("redeems what can be redeemed, and says nothing of the rest", async () => {
    await fund("fundDeposit", 1_000n);
    const tickets = await Promise.all([1n, 2n, 3n, 4n].map((senderNonce) => ticketFor(alice, 10n, { senderNonce })));
    const loser = await ticketFor(alice, 10n, { senderNonce: 5n, winProb: 0n });
    const [first] = tickets;
    const batch = [...tickets, loser, first ?? loser];
    const signatures = batch.map((ticket) => sign(ticket, sender));
    signatures[1] = sign(tickets[1] ?? loser, stranger);
    const receipt = await redeemBatch(batch, signatures);
    const redeemed = eventsOf(receipt).filter(({ eventName }) => eventName === "WinningTicketRedeemed");
    expect(redeemed.map(({ args }) => "senderNonce" in args && args.senderNonce)).toEqual([1n, 3n, 4n]);
    expect(await feesOf(alice)).toBe(30n);
  });

  test("a batch of nothing is allowed", async () => {
    expect(namesOf(await redeemBatch([], []))).toEqual([]);
  });

  test("is refused as a whole when a signature is missing", async () => {
    await fund("fundDeposit", 1_000n);
    const ticket = await ticketFor(alice, 10n);
    expect(await reason(redeemBatch([ticket, ticket], [sign(ticket, sender)]))).toBe("execution reverted");
  });

  test("is refused as a whole while the system is paused or the round has not begun", async () => {
    await owned("pause");
    expect(await reason(redeemBatch([], []))).toBe("system is paused");
    await owned("unpause");
    await devnet.client.request("hardhat_mine", `0x${roundLength.toString(16)}`, "0x0");
    expect(await reason(redeemBatch([], []))).toBe("current round is not initialized");
  });
});

describe("funding", () => {
  test("tells of the reserve before the deposit, also of amounts of zero", async () => {
    expect(eventsOf(await fundBoth(7n, 0n))).toMatchObject([
      { eventName: "ReserveFunded", args: { amount: 0n } },
      { eventName: "DepositFunded", args: { amount: 7n } },
    ]);
  });

  test("wants exactly the sum", async () => {
    const refusal = "msg.value does not equal sum of deposit amount and reserve amount";
    expect(await reason(fundBoth(1n, 2n, 4n))).toBe(refusal);
    await owned("pause");
    expect(await reason(fundBoth(1n, 2n, 4n))).toBe("system is paused");
    expect(await reason(fund("fundDeposit", 1n))).toBe("system is paused");
    expect(await reason(fund("fundReserve", 1n))).toBe("system is paused");
  });

  test("by the sender itself cancels an unlock, even with nothing", async () => {
    await fundBoth(1n, 1n);
    for (const again of [() => fundBoth(0n, 0n), () => fund("fundDeposit", 0n), () => fund("fundReserve", 0n)]) {
      await plain("unlock");
      expect(namesOf(await again())[0]).toBe("UnlockCancelled");
      expect((await infoOf())[0].withdrawRound).toBe(0n);
    }
  });

  test("by somebody else does not", async () => {
    await fundBoth(1n, 1n);
    await plain("unlock");
    expect(namesOf(await fundFor(stranger, 5n, 6n))).toEqual(["ReserveFunded", "DepositFunded"]);
    expect((await infoOf())[0]).toEqual({ deposit: 6n, withdrawRound: await devnet.currentRound() });
  });
});

describe("unlocking", () => {
  const setUnlockPeriod = (rounds: bigint) =>
    devnet.client.call({ ...broker(), from: owner.address, functionName: "setUnlockPeriod", args: [rounds] });

  test("needs funds, and happens once", async () => {
    expect(await reason(plain("unlock"))).toBe("sender deposit and reserve are zero");
    await fund("fundReserve", 1n);
    await setUnlockPeriod(2n);
    const round = await devnet.currentRound();
    expect(eventsOf(await plain("unlock"))).toMatchObject([
      { eventName: "Unlock", args: { startRound: round, endRound: round + 2n } },
    ]);
    expect(await reason(plain("unlock"))).toBe("unlock already initiated");
    const [functionName, args] = ["isUnlockInProgress", [sender.address]] as const;
    expect(await devnet.client.read({ ...broker(), functionName, args })).toBe(true);
  });

  test("can be called off while it is under way", async () => {
    expect(await reason(plain("cancelUnlock"))).toBe("no unlock request in progress");
    await fund("fundReserve", 1n);
    await plain("unlock");
    expect(namesOf(await plain("cancelUnlock"))).toEqual(["UnlockCancelled"]);
    expect(await reason(plain("cancelUnlock"))).toBe("no unlock request in progress");
  });

  test("gives the money back after the period, and leaves the account unlocked", async () => {
    expect(await reason(plain("withdraw"))).toBe("sender deposit and reserve are zero");
    await fundBoth(3n, 4n);
    expect(await reason(plain("withdraw"))).toBe("no unlock request in progress");
    await setUnlockPeriod(2n);
    await plain("unlock");
    await devnet.nextRound();
    expect(await reason(plain("withdraw"))).toBe("account is locked");
    await devnet.nextRound();
    const before = await devnet.client.viem.getBalance({ address: `0x${sender.address.slice(2)}` });
    const receipt = await plain("withdraw");
    const after = await devnet.client.viem.getBalance({ address: `0x${sender.address.slice(2)}` });
    expect(eventsOf(receipt)).toMatchObject([{ eventName: "Withdrawal", args: { deposit: 3n, reserve: 4n } }]);
    expect(after - before).toBe(7n - receipt.gasUsed * receipt.effectiveGasPrice);
    expect(await infoOf()).toEqual([
      { deposit: 0n, withdrawRound: await devnet.currentRound() },
      { fundsRemaining: 0n, claimedInCurrentRound: 0n },
    ]);
  });

  test("a sender pays until its round of withdrawal has come", async () => {
    await fundBoth(1_000n, 0n);
    await setUnlockPeriod(1n);
    await plain("unlock");
    await redeem(await ticketFor(alice, 1n));
    await devnet.nextRound();
    expect(await reason(redeem(await ticketFor(alice, 1n, { senderNonce: 2n })))).toBe("sender is unlocked");
  });

  test("is refused while the system is paused", async () => {
    await owned("pause");
    for (const name of ["unlock", "cancelUnlock", "withdraw"] as const)
      expect(await reason(plain(name))).toBe("system is paused");
  });
});

async function roundHash(round: bigint): Promise<Hex> {
  const to = devnet.addresses.roundsManager;
  return devnet.client.read({ to, abi: roundsManager.abi, functionName: "blockHashForRound", args: [round] });
}

function redeemBatch(tickets: readonly TicketFields[], signatures: readonly Hex[]) {
  return devnet.client.call({
    ...broker(),
    from: stranger.address,
    functionName: "batchRedeemWinningTickets",
    args: [tickets, signatures, tickets.map(() => RECIPIENT_RAND)],
  });
}

/** Others overtake the orchestrator: the pool is as large as before, and in the next round it is not in it. */
async function evict(orchestrator: DevelopmentAccount): Promise<void> {
  await devnet.client.call({ ...bonding(), from: owner.address, functionName: "setNumActiveTranscoders", args: [3n] });
  const others = [owner, bob, carol].filter((each) => each !== orchestrator);
  for (const { address } of others)
    await devnet.registerOrchestrator(address, { serviceUri: "https://127.0.0.1:1", stake: 2_000n * ETHER });
  await devnet.nextRound();
  const [functionName, args] = ["isActiveTranscoder", [orchestrator.address]] as const;
  expect(await devnet.client.read({ ...bonding(), functionName, args })).toBe(false);
}

function claimIn(receipt: TransactionReceipt): bigint {
  const event = eventsOf(receipt).find(({ eventName }) => eventName === "ReserveClaimed");
  return event !== undefined && "amount" in event.args ? event.args.amount : 0n;
}
