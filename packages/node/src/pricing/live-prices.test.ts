import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { address } from "@rivulet/crypto";
import { type LogFields, type Logger, Rational, RivuletError } from "@rivulet/primitives";
import { expect, test, vi } from "vitest";
import type { Configuration } from "../config/load.ts";
import type { AskedPrices } from "../config/prices.ts";
import { LivePrices } from "./live-prices.ts";
import type { Rates } from "./rates.ts";
import { PriceReload } from "./reload.ts";

const GATEWAY = address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");

/** A feed of one currency that can be moved. */
function feed(weiPerUsd: bigint) {
  const listeners = new Set<() => void>();
  let worth = weiPerUsd;
  const rates: Rates = {
    weiPer: (currency) => (currency === "USD" ? Rational.of(worth) : currency === "WEI" ? Rational.of(1n) : undefined),
    onChanged: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
  const move = (to: bigint) => {
    worth = to;
    for (const listener of listeners) listener();
  };
  return { rates, move, listeners };
}

function asked(price: Rational, currency: string): AskedPrices {
  const money = { amount: price, currency };
  return {
    rows: [{ pipeline: "text-to-image", model: "m", gateway: "default", perUnit: money }],
    base: new Map([[GATEWAY, money]]),
  };
}

test("prices in another currency follow its feed, and tell who listens", () => {
  const { rates, move, listeners } = feed(1000n);
  const prices = new LivePrices(asked(Rational.of(1n, 10n), "USD"), rates);
  expect(prices.table).toEqual({
    rows: [{ capability: 27, model: "m", gateway: "default", weiPerUnit: Rational.of(100n) }],
    base: new Map([[GATEWAY, Rational.of(100n)]]),
  });
  const told = vi.fn();
  using _listening = prices.onChanged(told);
  move(2000n);
  expect(told).toHaveBeenCalledOnce();
  expect(prices.table.rows[0]?.weiPerUnit).toEqual(Rational.of(200n));
  prices[Symbol.dispose]();
  expect(listeners.size).toBe(0);
});

test("prices that nobody can convert are refused, and the old ones stay", () => {
  const { rates } = feed(1000n);
  expect(() => new LivePrices(asked(Rational.of(1n), "EUR"), rates)).toThrow("EUR");
  const prices = new LivePrices(asked(Rational.of(7n), "WEI"), rates);
  expect(() => prices.replace(asked(Rational.of(1n), "EUR"))).toThrow("EUR");
  expect(prices.table.rows[0]?.weiPerUnit).toEqual(Rational.of(7n));
});

function listeningLog() {
  const lines: [string, LogFields | undefined][] = [];
  const keep = (event: string, fields?: LogFields) => void lines.push([event, fields]);
  const log: Logger = { debug: keep, info: keep, warn: keep, error: keep, child: () => log };
  return { log, lines };
}

test("a reload hands new prices on; what is wrong is told and changes nothing", () => {
  const { log, lines } = listeningLog();
  const limits = { rows: [] };
  const prices = { orchestrator: asked(Rational.of(1n), "WEI"), gateway: limits, signer: limits };
  const read = vi.fn(() => ({ prices }) as unknown as Configuration);
  using reload = new PriceReload({ files: [], read }, log);
  const taken = vi.fn();
  reload.add(taken);
  reload.reload("SIGHUP");
  expect(taken).toHaveBeenCalledExactlyOnceWith(prices);
  read.mockImplementation(() => {
    throw new RivuletError("config.invalid", { problems: [{ path: "aiModels.json[0]", message: "is odd" }] });
  });
  reload.reload("a file changed");
  expect(taken).toHaveBeenCalledOnce();
  expect(lines).toEqual([
    ["prices read again", { why: "SIGHUP", asked: 2, limits: 0 }],
    ["prices kept as they were", { why: "a file changed", reason: "aiModels.json[0]: is odd" }],
  ]);
});

test("a changed file is noticed", async () => {
  const directory = mkdtempSync(join(tmpdir(), "rivulet-prices-"));
  const file = join(directory, "aiModels.json");
  writeFileSync(file, "[]");
  const noticed = Promise.withResolvers<void>();
  const read = () => {
    noticed.resolve();
    throw new RivuletError("config.invalid", { problems: [] });
  };
  using reload = new PriceReload({ files: [file], read }, listeningLog().log);
  reload.start();
  writeFileSync(file, "[ ]");
  // Watching does not keep a process alive; this test does while it waits.
  const alive = setInterval(() => {}, 1000);
  await noticed.promise;
  clearInterval(alive);
  rmSync(directory, { recursive: true });
});
