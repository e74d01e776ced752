import { minutes, wei } from "@rivulet/primitives";
import { turn } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { account, FACE_VALUE, RECIPIENT, RedemptionWorld } from "./redemption-world.ts";

const ALICE = account("alice").address;
const BOB = account("bob").address;
/** What redeeming one ticket costs on the chain in memory: 350 000 gas at 10^7 wei. */
const COST = 350_000n * 10n ** 7n;

test("a winner is redeemed when its parameters have expired, and not a block before", async () => {
  const world = new RedemptionWorld();
  world.chain.fund(ALICE, { deposit: 10n * FACE_VALUE });
  const queue = await world.queue();
  queue.add(await world.keep(world.winner("alice", { goodFor: 3n })));
  await world.mine(2);
  expect(await world.states()).toEqual(["queued"]);
  await world.mine();
  expect(await world.states()).toEqual(["submitted"]);
  await world.mine();
  expect(await world.states()).toEqual(["redeemed"]);
  expect(world.chain.earned(RECIPIENT)).toBe(FACE_VALUE);
  await queue.stop();
});

test("what was paid and what it cost is written down", async () => {
  const world = new RedemptionWorld();
  world.chain.fund(ALICE, { deposit: FACE_VALUE });
  const queue = await world.queue();
  queue.add(await world.keep(world.winner("alice")));
  await world.mine(2);
  const [record] = await world.store.winners({ limit: 1 });
  expect(record?.state).toMatchObject({ kind: "redeemed", paid: FACE_VALUE, gasCost: COST });
  expect(world.monitor.pending(ALICE)).toBe(0n);
  await queue.stop();
});

test("a winner that has to wait holds up none behind it", async () => {
  const world = new RedemptionWorld();
  world.chain.fund(ALICE, { deposit: FACE_VALUE });
  world.chain.fund(BOB, { deposit: FACE_VALUE });
  const queue = await world.queue();
  queue.add(await world.keep(world.winner("carol"), world.winner("alice", { goodFor: 50n }), world.winner("bob")));
  await world.mine(2);
  expect(await world.states()).toEqual(["queued", "queued", "redeemed"]);
  expect(queue.waiting().map(({ obstacle }) => obstacle?.code)).toEqual([
    "chain.sender-unfunded",
    "chain.ticket-expired",
  ]);
  await queue.stop();
});

test("winners of all senders in the store are taken up at the start", async () => {
  const world = new RedemptionWorld();
  world.chain.fund(ALICE, { deposit: FACE_VALUE });
  world.chain.fund(BOB, { deposit: FACE_VALUE });
  await world.keep(world.winner("alice"), world.winner("bob"));
  const queue = await world.queue();
  expect(world.monitor.pending(ALICE)).toBe(FACE_VALUE);
  await world.mine(2);
  expect(await world.states()).toEqual(["redeemed", "redeemed"]);
  await queue.stop();
});

test("many winners go in one transaction, as that is cheaper", async () => {
  const world = new RedemptionWorld();
  world.chain.fund(ALICE, { deposit: 3n * FACE_VALUE });
  const queue = await world.queue();
  queue.add(await world.keep(world.winner("alice"), world.winner("alice"), world.winner("alice")));
  await world.mine(2);
  const records = await world.store.winners({ limit: 10 });
  const transactions = records.map(({ state }) => ("transaction" in state ? state.transaction : undefined));
  expect(new Set(transactions).size).toBe(1);
  expect(world.chain.earned(RECIPIENT)).toBe(3n * FACE_VALUE);
  await queue.stop();
});

test("one ticket of a batch that the contract refuses does not harm the others", async () => {
  const world = new RedemptionWorld();
  world.chain.fund(ALICE, { deposit: 10n * FACE_VALUE });
  const queue = await world.queue();
  const forged = { ...world.winner("alice"), signature: new Uint8Array(65) };
  queue.add(await world.keep(forged, world.winner("alice")));
  await world.mine(2);
  expect(await world.states()).toEqual(["lost chain.ticket-invalid", "redeemed"]);
  await queue.stop();
});

test("small winners that are worth it only together are redeemed together", async () => {
  const world = new RedemptionWorld();
  world.chain.fund(ALICE, { deposit: FACE_VALUE });
  const queue = await world.queue();
  const faceValue = COST - 1n;
  queue.add(await world.keep(world.winner("alice", { faceValue })));
  await world.mine(2);
  expect(queue.waiting()[0]?.obstacle?.code).toBe("payment.redemption-unprofitable");
  queue.add(await world.keep(world.winner("alice", { faceValue })));
  await world.mine(7);
  expect(await world.states()).toEqual(["redeemed", "redeemed"]);
  await queue.stop();
});

test("tickets of one sender go one by one when its deposit does not pay them all", async () => {
  const world = new RedemptionWorld();
  world.chain.fund(ALICE, { deposit: FACE_VALUE, reserve: 5n * FACE_VALUE });
  const queue = await world.queue();
  queue.add(await world.keep(world.winner("alice"), world.winner("alice")));
  await world.mine(1);
  expect(await world.states()).toEqual(["submitted", "queued"]);
  await world.mine(2);
  expect(await world.states()).toEqual(["redeemed", "redeemed"]);
  expect(world.chain.earned(RECIPIENT)).toBe(2n * FACE_VALUE);
  await queue.stop();
});

test("nothing is sent while it would pay nothing, and funds that come are noticed at once", async () => {
  const world = new RedemptionWorld();
  const queue = await world.queue();
  queue.add(await world.keep(world.winner("alice")));
  await world.mine(2);
  expect(world.chain.gasPaid.size).toBe(0);
  world.chain.fund(ALICE, { deposit: FACE_VALUE });
  await turn();
  await world.mine();
  expect(await world.states()).toEqual(["redeemed"]);
  await queue.stop();
});

test("a winner waits for its full value while there is a later round, and then takes what it gets", async () => {
  const world = new RedemptionWorld();
  world.chain.fund(ALICE, { deposit: FACE_VALUE / 2n });
  const queue = await world.queue();
  queue.add(await world.keep(world.winner("alice")));
  await world.mine(50);
  expect(queue.waiting()[0]?.obstacle?.code).toBe("payment.redemption-partial");
  world.chain.mineRound();
  await turn();
  await world.mine(2);
  expect(await world.states()).toEqual(["redeemed"]);
  expect(world.chain.earned(RECIPIENT)).toBe(FACE_VALUE / 2n);
  await queue.stop();
});

test("a winner is redeemed before its sender may withdraw", async () => {
  const world = new RedemptionWorld({}, { unlockPeriod: 1n });
  world.chain.fund(ALICE, { deposit: FACE_VALUE / 2n });
  const queue = await world.queue();
  world.chain.unlock(ALICE);
  queue.add(await world.keep(world.winner("alice")));
  await world.mine(2);
  expect(await world.states()).toEqual(["redeemed"]);
  await queue.stop();
});

test("what expired on chain is lost for the reason it waited for", async () => {
  const world = new RedemptionWorld({ maxGasPrice: wei(10n ** 7n) });
  world.chain.fund(ALICE, { deposit: FACE_VALUE });
  const queue = await world.queue();
  world.chain.gasPrice = wei(10n ** 9n);
  queue.add(await world.keep(world.winner("alice"), world.winner("carol")));
  await world.mine(200);
  expect(await world.states()).toEqual(["lost chain.gas-price-too-high", "lost chain.gas-price-too-high"]);
  expect(queue.waiting()).toEqual([]);
  expect(world.monitor.pending(ALICE)).toBe(0n);
  await queue.stop();
});

test("winners wait for cheap gas while there is a later round, and no longer", async () => {
  const world = new RedemptionWorld({ redeemWhenGasBelow: wei(10n ** 6n) });
  world.chain.fund(ALICE, { deposit: FACE_VALUE });
  const queue = await world.queue();
  queue.add(await world.keep(world.winner("alice")));
  await world.mine(50);
  expect(await world.states()).toEqual(["queued"]);
  world.chain.mineRound();
  await turn();
  await world.mine(2);
  expect(await world.states()).toEqual(["redeemed"]);
  await queue.stop();
});

test("a round that nobody has initialized is waited for", async () => {
  const world = new RedemptionWorld();
  world.chain.fund(ALICE, { deposit: FACE_VALUE });
  const queue = await world.queue();
  world.chain.isInitializing = false;
  queue.add(await world.keep(world.winner("alice", { goodFor: 90n })));
  world.chain.mineRound();
  await turn();
  expect(queue.waiting()[0]?.obstacle?.code).toBe("chain.round-not-initialized");
  world.chain.initializeRound();
  await turn();
  await world.mine(2);
  expect(await world.states()).toEqual(["redeemed"]);
  await queue.stop();
});

test("after a crash between sending and writing down, the ticket is found paid and not sent again", async () => {
  const world = new RedemptionWorld();
  world.chain.fund(ALICE, { deposit: 10n * FACE_VALUE });
  const first = await world.queue();
  first.add(await world.keep(world.winner("alice")));
  await world.mine();
  await first.stop();
  expect(await world.states()).toEqual(["submitted"]);
  await world.mine();
  const second = await world.queue();
  await world.mine();
  expect(await world.states()).toEqual(["redeemed"]);
  expect(world.chain.gasPaid.get(RECIPIENT)).toBe(COST);
  await second.stop();
});

test("a transaction that got lost is sent again when nobody can hope for it any more", async () => {
  let isDropping = true;
  const world = new RedemptionWorld({}, { drops: () => isDropping });
  world.chain.fund(ALICE, { deposit: FACE_VALUE });
  const queue = await world.queue();
  queue.add(await world.keep(world.winner("alice")));
  await world.mine(2);
  isDropping = false;
  await world.mine(10);
  expect(await world.states()).toEqual(["submitted"]);
  await world.clock.advance(minutes(10));
  await world.mine(10);
  expect(await world.states()).toEqual(["redeemed"]);
  await queue.stop();
});

test("with confirmations a redemption is final only when it is still there some blocks later", async () => {
  const world = new RedemptionWorld({ confirmations: 4n });
  world.chain.fund(ALICE, { deposit: FACE_VALUE });
  const queue = await world.queue();
  queue.add(await world.keep(world.winner("alice")));
  await world.mine(2);
  expect(await world.states()).toEqual(["submitted"]);
  await world.mine(4);
  expect(await world.states()).toEqual(["redeemed"]);
  await queue.stop();
});

test("with confirmations a redemption that the chain dropped is sent again", async () => {
  const world = new RedemptionWorld({ confirmations: 4n });
  world.chain.fund(ALICE, { deposit: 2n * FACE_VALUE });
  const queue = await world.queue();
  queue.add(await world.keep(world.winner("alice")));
  await world.mine(2);
  world.chain.redemptions.clear();
  await world.mine(12);
  expect(await world.states()).toEqual(["redeemed"]);
  expect(world.chain.redemptions.size).toBe(1);
  await queue.stop();
});

test("while the chain does not answer winners wait, and go on when it does", async () => {
  const world = new RedemptionWorld();
  world.chain.fund(ALICE, { deposit: FACE_VALUE });
  const queue = await world.queue();
  world.chain.isReachable = false;
  queue.add(await world.keep(world.winner("alice")));
  await world.mine(20);
  expect(queue.waiting()[0]?.obstacle?.code).toBe("chain.unavailable");
  world.chain.isReachable = true;
  await world.mine(7);
  expect(await world.states()).toEqual(["redeemed"]);
  await queue.stop();
});

test("a store that does not write for a while loses nothing and pays nothing twice", async () => {
  const world = new RedemptionWorld();
  world.chain.fund(ALICE, { deposit: 2n * FACE_VALUE });
  const queue = await world.queue();
  queue.add(await world.keep(world.winner("alice")));
  await world.mine();
  const { setWinner } = world.store;
  world.store.setWinner = () => Promise.reject(new Error("disk full"));
  await world.mine(10);
  world.store.setWinner = setWinner;
  await world.mine(10);
  expect(await world.states()).toEqual(["redeemed"]);
  expect(world.chain.earned(RECIPIENT)).toBe(FACE_VALUE);
  await queue.stop();
});

test("a recipient that is not active waits for its part of the reserve", async () => {
  const world = new RedemptionWorld();
  world.chain.fund(ALICE, { reserve: 10n * FACE_VALUE });
  const queue = await world.queue();
  world.chain.activate(RECIPIENT);
  queue.add(await world.keep(world.winner("alice")));
  await world.mine(2);
  expect(queue.waiting()[0]?.obstacle?.code).toBe("payment.recipient-inactive");
  world.chain.mineRound();
  await turn();
  await world.mine(2);
  expect(await world.states()).toEqual(["redeemed"]);
  await queue.stop();
});

test("what a winner waits for outlives the process, and is told when it expires", async () => {
  const world = new RedemptionWorld();
  const first = await world.queue();
  first.add(await world.keep(world.winner("alice")));
  await world.mine(2);
  await first.stop();
  const [record] = await world.store.winners({ limit: 1 });
  expect(record?.lastFailure).toMatch(/^chain\.sender-unfunded: /);
  world.chain.jump(200n);
  const second = await world.queue();
  await world.mine();
  expect(await world.states()).toEqual(["lost chain.sender-unfunded"]);
  await second.stop();
});

test("a transaction that fails is explained, tried again, and counts among the costs", async () => {
  const world = new RedemptionWorld({}, { unlockPeriod: 1n });
  world.chain.fund(ALICE, { deposit: FACE_VALUE });
  const queue = await world.queue();
  const winner = world.winner("alice", { goodFor: 99n });
  world.chain.unlock(ALICE);
  world.chain.jump(99n);
  queue.add(await world.keep(winner));
  await turn();
  await world.mine();
  const [record] = await world.store.winners({ limit: 1 });
  expect(record).toMatchObject({ state: { kind: "queued" }, failures: 1 });
  expect(record?.lastFailure).toMatch(/^chain\.transaction-failed: /);
  await world.mine(3);
  expect(queue.waiting()[0]?.obstacle?.code).toBe("chain.sender-unlocked");
  world.chain.cancelUnlock(ALICE);
  await world.mine(2);
  const [paid] = await world.store.winners({ limit: 1 });
  expect(paid?.state).toMatchObject({ kind: "redeemed", gasCost: 2n * COST });
  await queue.stop();
});

test("after a stop nothing is held, and what was pending is free again", async () => {
  const world = new RedemptionWorld();
  const queue = await world.queue();
  queue.add(await world.keep(world.winner("alice")));
  expect(world.monitor.pending(ALICE)).toBe(FACE_VALUE);
  await queue.stop();
  expect(world.monitor.pending(ALICE)).toBe(0n);
  queue.add(await world.keep(world.winner("alice")));
  expect(queue.waiting()).toEqual([]);
});
