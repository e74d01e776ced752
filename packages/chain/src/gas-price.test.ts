import { minutes, ms, seconds, silentLogger } from "@rivulet/primitives";
import { numberToHex } from "viem";
import { expect, test } from "vitest";
import { JumpingClock } from "../test/scripted-chain.ts";
import { GasPriceMonitor, type GasPriceOptions } from "./gas-price.ts";
import type { Head } from "./rpc/blocks.ts";
import { Endpoints } from "./rpc/endpoints.ts";

const HEAD = {} as Head;

function world(options: Partial<GasPriceOptions> = {}) {
  const clock = new JumpingClock();
  let price = 100n;
  const answer: typeof fetch = async (_url, init) => {
    const { id, method } = JSON.parse(String(init?.body));
    return Response.json({ jsonrpc: "2.0", id, result: method === "eth_chainId" ? "0x1" : numberToHex(price) });
  };
  const ports = { fetch: answer, clock, log: silentLogger };
  const endpoints = new Endpoints({ urls: ["http://127.0.0.1"], chainId: 1 }, ports);
  const gas = new GasPriceMonitor({ minimum: 0n, ...options }, { endpoints, clock });
  /** Gas costs this for so long, and is asked for every five seconds, or as often as is said. */
  const costs = async (next: bigint, duration: number, interval = seconds(5)) => {
    price = next;
    for (let passed = 0; passed < duration; passed += interval) {
      await gas.refresh(HEAD, new AbortController().signal);
      clock.pass(interval);
    }
  };
  return { gas, costs, clock };
}

test("before the first answer gas costs the minimum, and from then on what was heard", async () => {
  const { gas, costs } = world({ minimum: 7n });
  expect(gas.smoothed.current).toBe(7n);
  await costs(100n, seconds(5));
  expect([gas.smoothed.current, gas.latest.current]).toEqual([100n, 100n]);
});

test("a spike of two minutes does not lift the smoothed price by a wei", async () => {
  const { gas, costs } = world();
  await costs(100n, minutes(5));
  for (let spike = 0; spike < 24; spike++) {
    await costs(5_000n, seconds(5));
    expect(gas.smoothed.current).toBe(100n);
    expect(gas.latest.current).toBe(5_000n);
  }
});

test("a change that stays has arrived after two and a half minutes", async () => {
  const { gas, costs } = world();
  await costs(100n, minutes(10));
  await costs(5_000n, minutes(2.5) + seconds(5));
  expect(gas.smoothed.current).toBe(5_000n);
});

test("a price counts for as long as it was the last one heard", async () => {
  const { gas, costs, clock } = world();
  await costs(100n, seconds(60));
  await costs(900n, seconds(5));
  clock.pass(minutes(4));
  expect(gas.smoothed.current).toBe(900n);
});

test("answers below the minimum are ignored, and the maximum is never passed", async () => {
  const { gas, costs } = world({ minimum: 50n, maximum: 1_000n });
  await costs(60n, seconds(5));
  await costs(1n, minutes(20));
  expect(gas.latest.current).toBe(60n);
  await costs(9_000n, minutes(20));
  expect(gas.smoothed.current).toBe(1_000n);
  expect(gas.latest.current).toBe(9_000n);
});

test("asked for many times a second, a price counts no more than for the time it lasted", async () => {
  const { gas, costs } = world();
  await costs(100n, minutes(5));
  await costs(7n, seconds(20), ms(10));
  expect(gas.smoothed.current).toBe(100n);
});
