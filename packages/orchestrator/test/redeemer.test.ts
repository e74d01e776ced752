import { keccak256, keySigner, rawSign, recoverSigner } from "@rivulet/crypto";
import {
  MemoryPaymentStore,
  RedemptionQueue,
  SenderMonitor,
  type Ticket,
  ticketHash,
  type WinningTicket,
} from "@rivulet/payments";
import { seconds, silentLogger } from "@rivulet/primitives";
import { MemoryChain, seededRandomness, TestClock, turn } from "@rivulet/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { selfSignedCertificate } from "../src/http/certificate.ts";
import { Redeemer, type RedeemerOptions } from "../src/redeemer/redeemer.ts";
import { RemoteRedeemer, type RemoteRedeemerOptions } from "../src/redeemer/remote-redeemer.ts";
import { keyOf, RECIPIENT } from "./paid-world.ts";

const SENDER = keySigner(keyOf("sender")).address;
const FACE_VALUE = 10n ** 15n;

let clock: TestClock;
let chain: MemoryChain;
let opened: AsyncDisposableStack;
beforeEach(() => {
  clock = new TestClock();
  chain = new MemoryChain();
  chain.activate(RECIPIENT, chain.currentRound);
  chain.fund(SENDER, { deposit: 10n ** 18n, reserve: 10n ** 18n });
  opened = new AsyncDisposableStack();
});
afterEach(async () => {
  await opened.disposeAsync();
});

const recovery = {
  recover: async (signed: readonly { hash: Uint8Array; signature: Uint8Array }[]) =>
    signed.map(({ hash, signature }) => recoverSigner(hash, signature)),
};

async function redeemer(options: Partial<RedeemerOptions> = {}, store = new MemoryPaymentStore()) {
  const senders = chain.sendersFor(RECIPIENT);
  const monitor = new SenderMonitor({ senders, rounds: chain });
  const broker = chain.brokerFor(RECIPIENT);
  const ports = { store, broker, rounds: chain, senders, activity: chain, gas: chain.gas, monitor, clock };
  const queue = new RedemptionQueue({}, ports);
  await queue.start();
  const node = new Redeemer(
    { listen: { host: "127.0.0.1", port: 0 }, recipient: RECIPIENT, ...options },
    { clock, log: silentLogger, store, queue, monitor, recovery },
  );
  await node.start();
  opened.defer(() => queue.stop());
  opened.defer(() => node.stop());
  return { node, store, monitor, queue };
}

async function orchestrator(
  url: string,
  options: Partial<RemoteRedeemerOptions> = {},
  store = new MemoryPaymentStore(),
) {
  const client = new RemoteRedeemer(
    { url, ...options },
    { clock, randomness: seededRandomness(3), log: silentLogger, store },
  );
  await client.start();
  opened.defer(() => client.stop());
  return { client, store };
}

function winner(nonce: number, about: Partial<Ticket> = {}): WinningTicket {
  const recipientRand = BigInt(nonce);
  const rand = Buffer.from(recipientRand.toString(16).padStart(64, "0"), "hex");
  const ticket: Ticket = {
    recipient: RECIPIENT,
    sender: SENDER,
    faceValue: FACE_VALUE,
    winProbability: 2n ** 256n - 1n,
    senderNonce: nonce,
    recipientRandHash: keccak256(rand),
    expiration: chain.creation,
    ...about,
  };
  const signature = rawSign(keyOf("sender"), ticketHash(ticket));
  return { ticket, signature, recipientRand, paramsExpirationBlock: chain.l1Block + 1n };
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await turn();
}

const states = async (store: MemoryPaymentStore) =>
  (await store.winners({ limit: 100 })).map(({ state }) => (state.kind === "lost" ? `lost ${state.why}` : state.kind));

test("several orchestrators redeem through one redeemer, each ticket once", async () => {
  const { node, store } = await redeemer({ secret: "s" });
  const first = await orchestrator(node.address, { secret: "s" });
  const second = await orchestrator(node.address, { secret: "s" });
  await first.store.addWinners([winner(1), winner(2)], clock.now());
  await second.store.addWinners([winner(2), winner(3)], clock.now());
  first.client.add();
  second.client.add();
  for (const { store: own } of [first, second])
    await until(async () => (await states(own)).every((state) => state === "handed-over"));
  expect(await states(store)).toHaveLength(3);
  await until(async () => {
    chain.mine();
    return (await states(store)).every((state) => state === "redeemed");
  });
  expect(chain.earned(RECIPIENT)).toBe(3n * FACE_VALUE);
});

test("winners wait for a redeemer that is not there, and for one that has not been started anew", async () => {
  const gone = await redeemer();
  const url = gone.node.address;
  await gone.node.stop();
  const own = new MemoryPaymentStore();
  await own.addWinners([winner(1)], clock.now());
  await orchestrator(url, {}, own);
  await until(async () => clock.sleeping > 0 || (await states(own)).includes("handed-over"));
  expect(await states(own)).toEqual(["queued"]);
  const back = await redeemer({ listen: { host: "127.0.0.1", port: Number(new URL(url).port) } }, gone.store);
  await until(async () => {
    await clock.advance(seconds(1));
    return (await states(own)).includes("handed-over");
  });
  expect(await states(back.store)).toEqual(["queued"]);
});

test("what the contract would never pay is refused, and lost for that reason", async () => {
  const { node, store } = await redeemer();
  const { client, store: own } = await orchestrator(node.address);
  const losing = winner(1, { winProbability: 0n });
  const forged = { ...winner(2), signature: new Uint8Array(65) };
  const revealed = { ...winner(3), recipientRand: 4n };
  await own.addWinners([losing, forged, revealed], clock.now());
  client.add();
  await until(async () => !(await states(own)).includes("queued"));
  expect(await states(own)).toEqual(Array(3).fill("lost payment.ticket-invalid"));
  expect(await states(store)).toEqual([]);
});

test("a ticket for somebody else is refused, and kept until that is put right", async () => {
  const { node, store } = await redeemer({ recipient: SENDER });
  const { client, store: own } = await orchestrator(node.address);
  await own.addWinners([winner(1)], clock.now());
  client.add();
  await until(async () => clock.sleeping > 0);
  expect([await states(own), await states(store)]).toEqual([["queued"], []]);
});

test("without the secret nobody is served", async () => {
  const { node } = await redeemer({ secret: "s" });
  const { client } = await orchestrator(node.address, { secret: "t" });
  await expect(client.maxFloat(SENDER)).rejects.toMatchObject({ code: "chain.unavailable" });
});

test("what a sender is good for is asked once, and then told whenever it changes", async () => {
  const { node, monitor } = await redeemer();
  const { client } = await orchestrator(node.address);
  expect(await client.maxFloat(SENDER)).toBe(10n ** 18n);
  chain.fund(SENDER, { reserve: 10n ** 18n });
  await until(async () => (await client.maxFloat(SENDER)) === 2n * 10n ** 18n);
  const poor = keySigner(keyOf("poor")).address;
  expect(await client.maxFloat(poor)).toBe(0n);
  expect(await monitor.maxFloat(poor)).toBe(0n);
});

test("when the redeemer goes nothing that it said is believed any more", async () => {
  const { node } = await redeemer();
  const { client } = await orchestrator(node.address);
  expect(await client.maxFloat(SENDER)).toBe(10n ** 18n);
  await node.stop();
  await until(async () => {
    const told = await client.maxFloat(SENDER).catch((error: { code: string }) => error.code);
    return told === "chain.unavailable";
  });
});

test("a certificate is trusted when it is the redeemer's, and no other", async () => {
  const own = await selfSignedCertificate("127.0.0.1", new Date());
  const other = await selfSignedCertificate("127.0.0.1", new Date());
  const { node } = await redeemer({ certificate: own });
  const trusting = await orchestrator(node.address, { certificate: own.cert });
  expect(await trusting.client.maxFloat(SENDER)).toBe(10n ** 18n);
  const deceived = await orchestrator(node.address, { certificate: other.cert });
  await expect(deceived.client.maxFloat(SENDER)).rejects.toMatchObject({ code: "chain.unavailable" });
});
