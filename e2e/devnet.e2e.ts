import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { isListening, Leftovers } from "./harness/leftovers.ts";
import { descendants } from "./harness/processes.ts";
import { ROOT } from "./harness/stage.ts";

const main = join(ROOT, "apps/rivulet/src/main.ts");

/** What `rivulet devnet -json` tells. */
interface Told {
  readonly url: string;
  readonly chainId: number;
  readonly addresses: Readonly<Record<string, string>>;
  readonly accounts: readonly { readonly address: string; readonly privateKey: string }[];
}

function start(leftovers: Leftovers, ...args: readonly string[]) {
  // Far from the checkout, and at home in an empty directory.
  const env = { ...leftovers.env, HOME: leftovers.directory };
  const child = spawn(process.execPath, [main, "devnet", ...args], { cwd: leftovers.directory, env });
  return { child, exited: once(child, "exit"), said: text(child.stderr) };
}

async function ask(url: string, method: string, ...params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result } = (await response.json()) as { result: unknown };
  return result;
}

test("a local chain runs from any directory in one process, and leaves nothing behind", async () => {
  using leftovers = new Leftovers();
  const { child, exited } = start(leftovers, "-port", "0", "-blockTime", "20ms", "-json");
  const [chunk] = await once(child.stdout, "data");
  const told: Told = JSON.parse(String(chunk));
  expect(told.chainId).toBe(31337);
  expect(told.accounts).toHaveLength(10);
  expect(await ask(told.url, "eth_getCode", told.addresses["ticketBroker"], "latest")).toMatch(/^0x60/);
  const block = Number(await ask(told.url, "eth_blockNumber"));
  while (Number(await ask(told.url, "eth_blockNumber")) < block + 3);
  expect(descendants(child.pid)).toEqual([]);

  child.kill("SIGINT");
  expect(await exited).toEqual([130, null]);
  expect(await isListening(told.url)).toBe(false);
  expect(await leftovers.remaining()).toEqual([]);
  expect(leftovers.files()).toEqual([]);
});

test("a port that is taken and values that are wrong are told in words", async () => {
  using leftovers = new Leftovers();
  const first = start(leftovers, "-port", "0", "-json");
  const [chunk] = await once(first.child.stdout, "data");
  const { url }: Told = JSON.parse(String(chunk));
  const second = start(leftovers, "-port", new URL(url).port);
  const third = start(leftovers, "-port", "x", "-blockTime", "3", "-roundLength", "1");
  expect(await second.exited).toEqual([1, null]);
  expect(await third.exited).toEqual([2, null]);
  expect(await second.said).toMatch(/cannot listen on port \d+/);
  expect(await third.said).toMatch(/-port[\s\S]*-roundLength/);
  first.child.kill("SIGTERM");
  expect(await first.exited).toEqual([0, null]);
});
