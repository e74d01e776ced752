import { type TransactionHash, ticketHashText, type WinningTicket } from "@rivulet/payments";
import { minutes, ms, retryOf, seconds } from "@rivulet/primitives";
import { endpointFaults, FaultyEndpoint, turn } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import type { Chain } from "../src/chain.ts";
import { DevnetWorld } from "./devnet-world.ts";

const ETHER = 10n ** 18n;

function hashOf({ ticket }: WinningTicket) {
  return ticketHashText(ticket);
}

async function fees(chain: Chain, world: DevnetWorld): Promise<bigint> {
  return await chain.endpoints.request(chain.contracts.bonding.read("pendingFees", [world.recipient.address, 0n]));
}

describe("redeeming", () => {
  test("pays the face value, which is what the orchestrator's fees grow by, and tells the gas apart", async () => {
    await using world = await DevnetWorld.start();
    await world.activate();
    await world.fund();
    const chain = await world.node(world.recipient);
    const winner = world.winner(chain, 1_000_001n);
    expect(await chain.broker.isUsed(hashOf(winner))).toBe(false);
    expect(await chain.broker.payout(winner)).toBe(1_000_001n);
    const before = await world.devnet.client.viem.getBalance({ address: world.recipient.address });
    const submitted: TransactionHash[] = [];
    const redemption = await chain.broker.redeem(winner, { submitted: async (hash) => void submitted.push(hash) });
    expect(redemption).toMatchObject({ paid: 1_000_001n, transaction: submitted[0] });
    expect(await fees(chain, world)).toBe(1_000_001n);
    const after = await world.devnet.client.viem.getBalance({ address: world.recipient.address });
    expect(before - after).toBe(redemption.gasCost);
    expect(redemption.gasCost).toBeLessThan(chain.broker.redemptionGas(1) * chain.gasPrice.current);
    expect(await chain.broker.isUsed(hashOf(winner))).toBe(true);
  });

  test("brings what is left, and says so before", async () => {
    await using world = await DevnetWorld.start();
    await world.activate();
    await world.fund(10n, 100n);
    const chain = await world.node(world.recipient);
    const [first, second] = [world.winner(chain, 60n, 1), world.winner(chain, 500n, 2)];
    expect(await chain.broker.payout(first)).toBe(60n);
    expect(await chain.broker.redeem(first)).toMatchObject({ paid: 60n });
    expect(await chain.broker.payout(second)).toBe(50n);
    expect(await chain.broker.redeem(second)).toMatchObject({ paid: 50n });
    expect(await chain.broker.payout(world.winner(chain, 1n, 3))).toBe(0n);
  });

  test("in a batch, each ticket has its outcome, and the gas is shared to the wei", async () => {
    await using world = await DevnetWorld.start();
    await world.activate();
    await world.fund();
    const chain = await world.node(world.recipient);
    const winners = [1, 2, 3, 4].map((nonce) => world.winner(chain, BigInt(nonce) * 100n, nonce));
    const [used] = winners;
    if (used === undefined) throw new Error("no winner");
    await chain.broker.redeem(used);
    const loses = world.winner(chain, 900n, 5, { winProbability: 0n });
    const before = await world.devnet.client.viem.getBalance({ address: world.recipient.address });
    const outcomes = await chain.broker.redeemBatch([...winners, loses]);
    expect(outcomes).toMatchObject([
      { error: { code: "chain.ticket-used" } },
      { paid: 200n },
      { paid: 300n },
      { paid: 400n },
      { error: { code: "chain.ticket-invalid" } },
    ]);
    const cost = outcomes.reduce((sum, outcome) => sum + ("paid" in outcome ? outcome.gasCost : 0n), 0n);
    const after = await world.devnet.client.viem.getBalance({ address: world.recipient.address });
    expect(before - after).toBe(cost);
    expect(cost).toBeLessThan(chain.broker.redemptionGas(3) * chain.gasPrice.current);
  });

  test("that was forgotten is found again: by its transaction, by the logs, and when somebody else did it", async () => {
    await using world = await DevnetWorld.start();
    await world.activate();
    await world.fund();
    const chain = await world.node(world.recipient);
    const winner = world.winner(chain, 77n);
    expect(await chain.broker.redemption(winner)).toBeUndefined();
    const done = await chain.broker.redeem(winner);
    const unrelated = await chain.transactions.send(chain.contracts.ticketBroker.write("fundDeposit", [], 1n));
    expect(await chain.broker.redemption(winner, done.transaction)).toEqual(done);
    expect(await chain.broker.redemption(winner)).toEqual(done);
    expect(await chain.broker.redemption(winner, unrelated.transaction)).toEqual(done);
    const stranger = await world.node(world.stranger);
    expect(await stranger.broker.redemption(winner)).toEqual({ ...done, gasCost: 0n });
  });

  test("is refused by the contract with our codes", async () => {
    await using world = await DevnetWorld.start();
    await world.activate();
    const chain = await world.node(world.recipient);
    const refusal = async (winner: WinningTicket) => {
      const error: unknown = await chain.broker.redeem(winner).catch((thrown: unknown) => thrown);
      return [error, retryOf(error)];
    };
    expect(await refusal(world.winner(chain, 1n))).toMatchObject([{ code: "chain.sender-unfunded" }, "same-peer"]);
    await world.fund();
    const winner = world.winner(chain, 1n);
    const { ticket } = winner;
    expect(await refusal({ ...winner, recipientRand: 5n })).toMatchObject([{ code: "chain.ticket-invalid" }, "never"]);
    const forged = { ...winner, signature: winner.signature.with(3, (winner.signature[3] ?? 0) ^ 1) };
    expect(await refusal(forged)).toMatchObject([{ code: "chain.ticket-invalid" }, "never"]);
    const early = { creationRound: 99n, creationRoundBlockHash: new Uint8Array(32) };
    const undated = { ...winner, ticket: { ...ticket, expiration: early } };
    expect(await refusal(undated)).toMatchObject([{ code: "chain.ticket-invalid" }, "never"]);
    const elsewhere = world.winner(chain, 1n, 1, { recipient: world.stranger.address });
    expect(await refusal(elsewhere)).toMatchObject([{ code: "chain.recipient-unregistered" }, "same-peer"]);
    await chain.broker.redeem(winner);
    expect(await refusal(winner)).toMatchObject([{ code: "chain.ticket-used" }, "never"]);
    const late = world.winner(chain, 1n, 2);
    for (let round = 0n; round < chain.broker.validityRounds; round++) await world.devnet.nextRound();
    expect(await refusal(late)).toMatchObject([{ code: "chain.ticket-expired" }, "never"]);
  });

  test("in a round that nobody initialized waits", async () => {
    await using world = await DevnetWorld.start({ initializesRounds: false });
    const chain = await world.node(world.recipient);
    const refused = chain.broker.redeem(world.winner(chain, 1n));
    await expect(refused).rejects.toMatchObject({ code: "chain.round-not-initialized" });
  });
});

describe("an account that lacks something", () => {
  test("is told how much of what", async () => {
    await using world = await DevnetWorld.start();
    const chain = await world.node(world.stranger);
    const sent = chain.transactions.send(chain.contracts.ticketBroker.write("fundDeposit", [], 20_000n * ETHER));
    await expect(sent).rejects.toMatchObject({
      code: "chain.insufficient-funds",
      facts: { account: world.stranger.address, token: "ETH", needed: `${20_000n * ETHER}` },
    });
    const [unlocked, withdrawn] = ["unlock", "withdraw"].map((name) =>
      chain.transactions.send(chain.contracts.ticketBroker.write(name as "unlock", [])),
    );
    await expect(unlocked).rejects.toMatchObject({ code: "chain.sender-unfunded" });
    await expect(withdrawn).rejects.toMatchObject({ code: "chain.sender-unfunded" });
  });

  test("has to have the gas, too", async () => {
    await using world = await DevnetWorld.start();
    await world.devnet.client.request("hardhat_setBalance", world.stranger.address, "0x64");
    const chain = await world.node(world.stranger);
    const sent = chain.transactions.send(chain.contracts.ticketBroker.write("fundDeposit", [], 1n));
    await expect(sent).rejects.toMatchObject({ code: "chain.insufficient-funds", facts: { available: "100" } });
  });

  test("sends nothing while gas costs more than the maximum", async () => {
    await using world = await DevnetWorld.start({ gasPrice: 5_000n });
    const chain = await world.node(world.stranger, { maxGasPrice: 1_000n });
    const sent = chain.transactions.send(chain.contracts.ticketBroker.write("fundDeposit", [], 1n));
    await expect(sent).rejects.toMatchObject({ code: "chain.gas-price-too-high", facts: { maximum: "1000" } });
  });
});

describe("a limit of gas", () => {
  const funding = (chain: Chain) => chain.contracts.ticketBroker.write("fundDeposit", [], 1n);

  test("is what every transaction gets", async () => {
    await using world = await DevnetWorld.start();
    const chain = await world.node(world.stranger, { gasLimit: 654_321n });
    const { transaction } = await chain.transactions.send(funding(chain));
    const sent = await world.devnet.client.request("eth_getTransactionByHash", transaction);
    expect(Reflect.get(sent as object, "gas")).toBe(`0x${(654_321).toString(16)}`);
  });

  test("below what a call takes is told before anything is paid", async () => {
    await using world = await DevnetWorld.start();
    const chain = await world.node(world.stranger, { gasLimit: 30_000n });
    await expect(chain.transactions.send(funding(chain))).rejects.toMatchObject({ code: "chain.gas-limit-too-low" });
  });
});

describe("transactions that wait", () => {
  test("several are under way at a time, one nonce after the other", async () => {
    await using world = await DevnetWorld.start();
    const chain = await world.sending(world.sender);
    await world.devnet.setAutomine(false);
    const hashes: TransactionHash[] = [];
    const sent = [1n, 2n, 3n, 4n, 5n].map((amount) =>
      chain.transactions.send(chain.contracts.ticketBroker.write("fundDeposit", [], amount), {
        submitted: async (hash) => void hashes.push(hash),
      }),
    );
    await world.asleep(sent.length);
    expect(new Set(hashes).size).toBe(5);
    await world.devnet.mine();
    await world.clock.advance(ms(250));
    const receipts = await Promise.all(sent);
    expect(new Set(receipts.map(({ block }) => block)).size).toBe(1);
    expect(await chain.senders.funds(world.sender.address)).toMatchObject({ deposit: 15n });
  });

  test("one that is stuck is replaced at a price 11 % higher, and then given up", async () => {
    await using world = await DevnetWorld.start();
    const chain = await world.sending(world.sender);
    await world.devnet.setAutomine(false);
    const hashes: TransactionHash[] = [];
    const sent = chain.transactions.send(chain.contracts.ticketBroker.write("fundDeposit", [], 1n), {
      submitted: async (hash) => void hashes.push(hash),
    });
    await pass(world, minutes(5), sent);
    expect(hashes).toHaveLength(2);
    const [first, second] = await Promise.all(
      hashes.map((hash) => world.devnet.client.viem.getTransaction({ hash })).map((one) => one.catch(() => undefined)),
    );
    expect(first).toBeUndefined();
    expect(second?.nonce).toBe(0);
    await pass(world, minutes(5), sent);
    await expect(sent).rejects.toMatchObject({ code: "chain.transaction-timeout", facts: { hash: hashes[1] } });
  });

  test("after gas became dearer, the replacement offers what gas costs now", async () => {
    await using world = await DevnetWorld.start({ gasPrice: 1_000n });
    const chain = await world.sending(world.sender);
    await world.devnet.setAutomine(false);
    const sent = chain.transactions.send(chain.contracts.ticketBroker.write("fundDeposit", [], 1n));
    await pass(world, minutes(1), sent);
    await world.devnet.setGasPrice(50_000n);
    await pass(world, minutes(4), sent);
    await world.devnet.mine();
    await world.clock.advance(seconds(1));
    const { gasCost, gasUsed } = await sent;
    expect(gasCost / gasUsed).toBeGreaterThan(40_000n);
  });

  test("the wait goes on while no endpoint answers", async () => {
    await using world = await DevnetWorld.start();
    const endpoint = new FaultyEndpoint(world.devnet.url);
    await endpoint.start();
    const chain = await world.sending(world.sender, { urls: [endpoint.url] });
    await world.devnet.setAutomine(false);
    const sent = chain.transactions.send(chain.contracts.ticketBroker.write("fundDeposit", [], 1n));
    await pass(world, seconds(15), sent);
    endpoint.behave(endpointFaults.down);
    await world.devnet.mine();
    await pass(world, minutes(9), sent);
    endpoint.behave(endpointFaults.none);
    await pass(world, minutes(1), sent);
    expect(await sent).toMatchObject({ logs: [{ address: chain.contracts.ticketBroker.address }] });
    await endpoint.stop();
  });

  test("the replacement that is included is the result", async () => {
    await using world = await DevnetWorld.start();
    const chain = await world.sending(world.sender);
    await world.devnet.setAutomine(false);
    const hashes: TransactionHash[] = [];
    const sent = chain.transactions.send(chain.contracts.ticketBroker.write("fundDeposit", [], 1n), {
      submitted: async (hash) => void hashes.push(hash),
    });
    await pass(world, minutes(5), sent);
    await world.devnet.mine();
    await world.clock.advance(seconds(1));
    expect(await sent).toMatchObject({ transaction: hashes[1] });
  });

  test("one that endpoints forgot is sent again", async () => {
    await using world = await DevnetWorld.start();
    const chain = await world.sending(world.sender);
    await world.devnet.setAutomine(false);
    let hash: TransactionHash | undefined;
    const sent = chain.transactions.send(chain.contracts.ticketBroker.write("fundDeposit", [], 1n), {
      submitted: async (told) => void (hash = told),
    });
    await world.asleep(1);
    await world.devnet.client.request("hardhat_dropTransaction", hash);
    await pass(world, seconds(30), sent);
    await world.devnet.mine();
    await world.clock.advance(seconds(1));
    expect(await sent).toMatchObject({ transaction: hash });
  });

  test("one whose nonce another took is told as replaced", async () => {
    await using world = await DevnetWorld.start();
    const [chain, twin] = [await world.sending(world.sender), await world.sending(world.sender)];
    await world.devnet.setAutomine(false);
    let hash: TransactionHash | undefined;
    const sent = chain.transactions.send(chain.contracts.ticketBroker.write("fundDeposit", [], 1n), {
      submitted: async (told) => void (hash = told),
    });
    await world.asleep(1);
    await world.devnet.client.request("hardhat_dropTransaction", hash);
    await world.devnet.setAutomine(true);
    await twin.transactions.send(twin.contracts.ticketBroker.write("fundDeposit", [], 2n));
    await pass(world, minutes(1), sent);
    await expect(sent).rejects.toMatchObject({ code: "chain.transaction-replaced", facts: { hash, nonce: 0 } });
  });

  test("one that is included and fails is told with its cost and the reason", async () => {
    await using world = await DevnetWorld.start();
    await world.fund();
    const endpoint = new FaultyEndpoint(world.devnet.url);
    await endpoint.start();
    endpoint.behave(async (call, forward) =>
      call.method === "eth_estimateGas" ? { result: "0x30d40" } : forward(call),
    );
    const chain = await world.sending(world.sender, { urls: [endpoint.url] });
    const unlock = chain.contracts.ticketBroker.write("unlock", []);
    await chain.transactions.send(unlock);
    await expect(chain.transactions.send(unlock)).rejects.toMatchObject({
      code: "chain.transaction-failed",
      facts: { gasCost: expect.stringMatching(/^[1-9]\d+$/) },
      cause: { code: "chain.unlock-initiated" },
    });
    await endpoint.stop();
  });

  test("one that is waited for no longer ends with the reason", async () => {
    await using world = await DevnetWorld.start();
    const chain = await world.sending(world.sender);
    await world.devnet.setAutomine(false);
    const stop = new AbortController();
    const { signal } = stop;
    const sent = chain.transactions.send(chain.contracts.ticketBroker.write("fundDeposit", [], 1n), { signal });
    sent.catch(() => {});
    await world.asleep(1);
    stop.abort(new Error("enough"));
    await expect(sent).rejects.toThrow("enough");
  });

  test("one that waits for its turn leaves the line when it is told to, and those behind it get theirs", async () => {
    await using world = await DevnetWorld.start();
    const endpoint = new FaultyEndpoint(world.devnet.url);
    await endpoint.start();
    const first = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    let broadcasts = 0;
    endpoint.behave(async (call, forward) => {
      if (call.method === "eth_sendRawTransaction" && ++broadcasts === 1) {
        reached.resolve();
        await first.promise;
      }
      return forward(call);
    });
    const chain = await world.sending(world.sender, { urls: [endpoint.url] });
    const deposit = chain.contracts.ticketBroker.write("fundDeposit", [], 1n);
    const sent = chain.transactions.send(deposit);
    await reached.promise;
    const stop = new AbortController();
    const waiting = chain.transactions.send(deposit, { signal: stop.signal });
    const behind = chain.transactions.send(deposit);
    // Each asks for the balance twice, and stands in line when it has the second answer.
    while (endpoint.methods.filter((method) => method === "eth_getBalance").length < 6) await turn();
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    expect(broadcasts).toBe(1);
    first.resolve();
    await Promise.all([sent, behind]);
    expect(broadcasts).toBe(2);
    await endpoint.stop();
  });
});

/** Lets time pass in steps that the wait for `sent` takes note of, at most until that is over. */
async function pass(world: DevnetWorld, time: number, sent: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = () => void (isOver = true);
  sent.then(over, over);
  const noted = async () => {
    while (!isOver && world.clock.sleeping === 0) await turn();
  };
  await noted();
  for (let passed = 0; passed < time; passed += STEP) {
    await world.clock.advance(STEP);
    await noted();
  }
}

const STEP = seconds(15);
