import { type Address, address } from "@rivulet/crypto";
import { round } from "@rivulet/primitives";
import { expect, test } from "vitest";
import { KnownPool } from "./on-chain.ts";
import type { OrchestratorPool, RegisteredOrchestrator } from "./pool.ts";

const operator = (digit: string): Address => address(`0x${digit.repeat(40)}`);

function registered(digit: string, facts: Partial<RegisteredOrchestrator> = {}): RegisteredOrchestrator {
  return {
    address: operator(digit),
    serviceUri: `https://${digit}.test:8935`,
    activationRound: 5n,
    deactivationRound: 2n ** 256n - 1n,
    stake: 10n,
    ...facts,
  };
}

function poolOf(...all: readonly RegisteredOrchestrator[]): OrchestratorPool & { now: bigint; isDown: boolean } {
  return {
    now: 7n,
    isDown: false,
    get round() {
      return round(this.now);
    },
    async orchestrators() {
      if (this.isDown) throw new Error("the chain does not answer");
      return all;
    },
    onChanged: () => ({ [Symbol.dispose]() {} }),
  };
}

const signal = new AbortController().signal;
const urisOf = async (known: KnownPool) => (await known.list()).map(({ uri }) => uri);

test("those who are active and have a place are listed, with their accounts", async () => {
  const known = new KnownPool(
    poolOf(
      registered("1"),
      registered("2", { serviceUri: "" }),
      registered("3", { serviceUri: "no address" }),
      registered("4", { activationRound: 8n }),
      registered("5", { deactivationRound: 7n }),
    ),
  );
  await known.refresh(signal);
  expect(await known.list()).toEqual([{ uri: "https://1.test:8935", registered: new Set([operator("1")]) }]);
});

test("a round later others are active", async () => {
  const pool = poolOf(registered("1", { deactivationRound: 8n }), registered("2", { activationRound: 8n }));
  const known = new KnownPool(pool);
  await known.refresh(signal);
  expect(await urisOf(known)).toEqual(["https://1.test:8935"]);
  pool.now = 8n;
  await known.refresh(signal);
  expect(await urisOf(known)).toEqual(["https://2.test:8935"]);
});

test("one place of several accounts is asked once, and may be any of them", async () => {
  const known = new KnownPool(poolOf(registered("1"), registered("2", { serviceUri: "1.test" })));
  await known.refresh(signal);
  expect(await known.list()).toEqual([
    { uri: "https://1.test:8935", registered: new Set([operator("1"), operator("2")]) },
  ]);
});

test("stakes are known also of those without a place, and stay known while the chain is silent", async () => {
  const pool = poolOf(registered("1", { stake: 70n }), registered("2", { stake: 30n, serviceUri: "" }));
  const known = new KnownPool(pool);
  await known.refresh(signal);
  pool.isDown = true;
  await expect(known.refresh(signal)).rejects.toThrow();
  expect(["1", "2", "3"].map((digit) => known.stakeOf(operator(digit)))).toEqual([70n, 30n, 0n]);
  expect(await urisOf(known)).toHaveLength(1);
});
