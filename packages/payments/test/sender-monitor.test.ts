import { SenderMonitor } from "@rivulet/payments";
import { isError, wei } from "@rivulet/primitives";
import { MemoryChain } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { account, RECIPIENT } from "./redemption-world.ts";

const ALICE = account("alice").address;
const BOB = account("bob").address;

function world() {
  const chain = new MemoryChain();
  chain.activate(RECIPIENT, chain.currentRound);
  const monitor = new SenderMonitor({ senders: chain.sendersFor(RECIPIENT), rounds: chain });
  return { chain, monitor };
}

test("the reserve stands behind tickets, less what waits, unless the deposit pays that easily", async () => {
  const { chain, monitor } = world();
  chain.fund(ALICE, { deposit: 200n, reserve: 500n });
  expect(await monitor.maxFloat(ALICE)).toBe(500n);
  using held = monitor.hold(ALICE, wei(100n));
  expect(await monitor.cover(ALICE)).toEqual({ reserveShare: 500n, maxFloat: 400n, available: 600n });
  chain.fund(ALICE, { deposit: 100n });
  expect(await monitor.maxFloat(ALICE)).toBe(500n);
  held.release();
  expect(monitor.pending(ALICE)).toBe(0n);
});

test("it may be below zero: more waits than the funds cover", async () => {
  const { monitor } = world();
  using _ = monitor.hold(ALICE, wei(100n));
  expect(await monitor.maxFloat(ALICE)).toBe(-100n);
});

test("every change is told to those who listen, and to nobody else", () => {
  const { chain, monitor } = world();
  const told: unknown[] = [];
  const listening = monitor.onChanged((sender) => told.push(sender));
  monitor.hold(ALICE, wei(1n)).release();
  chain.fund(BOB, { deposit: 1n });
  chain.mineRound();
  listening[Symbol.dispose]();
  chain.fund(BOB, { deposit: 1n });
  expect(told.slice(0, 3)).toEqual([ALICE, ALICE, BOB]);
  expect(told.slice(3).every((sender) => sender === undefined)).toBe(true);
  expect(told.length).toBeGreaterThan(3);
});

test("there is room for a thousand listeners", () => {
  const { monitor } = world();
  for (let listener = 0; listener < 1000; listener += 1) monitor.onChanged(() => {});
  expect(() => monitor.onChanged(() => {})).toThrow(RangeError);
});

test("funds that cannot be read are an error, and not a number", async () => {
  const { chain, monitor } = world();
  chain.isReachable = false;
  await expect(monitor.maxFloat(ALICE)).rejects.toSatisfy((error) => isError(error, "chain.unavailable"));
});
