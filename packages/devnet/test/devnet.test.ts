import { local } from "@rivulet/chain";
import { ms } from "@rivulet/primitives";
import { endpointFaults, FaultyEndpoint, TestClock, turn } from "@rivulet/testkit";
import { createPublicClient, createWalletClient, type Hex, http, parseEther } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterEach, describe, expect, test } from "vitest";
import { priceFeed } from "../src/gen/price-feed.ts";
import { roundsManager } from "../src/gen/rounds-manager.ts";
import { serviceRegistry } from "../src/gen/service-registry.ts";
import { ticketBroker } from "../src/gen/ticket-broker.ts";
import { type Devnet, type DevnetOptions, developmentAccounts, startDevnet } from "../src/index.ts";

const [first, second] = developmentAccounts;
const running: { stop(): Promise<void> }[] = [];

async function start(options: DevnetOptions = {}, clock = new TestClock()): Promise<Devnet> {
  const devnet = await startDevnet(options, { clock });
  running.push(devnet);
  return devnet;
}

afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop();
});

const hex = (address: string): Hex => `0x${address.slice(2)}`;
const reader = (url: string) => createPublicClient({ transport: http(url, { retryCount: 0 }) });
const writer = (url: string) =>
  createWalletClient({ transport: http(url, { retryCount: 0 }), account: privateKeyToAccount(first.privateKey) });

async function rpc(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });
  return response.json();
}

const call = (id: number, method: string, ...params: unknown[]) => ({ jsonrpc: "2.0", id, method, params });

describe("a new chain", () => {
  test("is where nodes expect it", async () => {
    const devnet = await start();
    expect(devnet.chainId).toBe(local.chainId);
    expect(devnet.addresses.controller).toBe(local.controller);
    expect(local.aiServiceRegistry ?? devnet.addresses.aiServiceRegistry).toBe(devnet.addresses.aiServiceRegistry);
    expect(local.priceFeed ?? devnet.addresses.priceFeed).toBe(devnet.addresses.priceFeed);
  });

  test("has the same addresses each time, and shares nothing with others", async () => {
    const [one, other] = await Promise.all([start(), start({ roundLength: 7n })]);
    expect(one.addresses).toEqual(other.addresses);
    expect(one.url).not.toBe(other.url);
    await one.mine(500n);
    expect(await other.client.blockNumber()).toBeLessThan(100n);
  });

  test("is in an initialized round, whatever the length of rounds", async () => {
    for (const roundLength of [2n, 30n, 5_760n]) {
      const devnet = await start({ roundLength });
      const to = devnet.addresses.roundsManager;
      const [abi, functionName] = [roundsManager.abi, "currentRoundInitialized"] as const;
      expect(await devnet.client.read({ to, abi, functionName, args: [] })).toBe(true);
      expect(await devnet.currentRound()).toBeGreaterThan(0n);
    }
  });

  test("knows orchestrators and senders once they are registered and funded", async () => {
    const devnet = await start();
    await devnet.registerOrchestrator(first.address, {
      serviceUri: "https://127.0.0.1:8935",
      aiServiceUri: "https://ai:1",
    });
    await devnet.fundSender(second.address, { deposit: 5n, reserve: 7n });
    const client = reader(devnet.url);
    const uri = (registry: string) =>
      client.readContract({
        address: hex(registry),
        abi: serviceRegistry.abi,
        functionName: "getServiceURI",
        args: [hex(first.address)],
      });
    expect(await uri(devnet.addresses.serviceRegistry)).toBe("https://127.0.0.1:8935");
    expect(await uri(devnet.addresses.aiServiceRegistry)).toBe("https://ai:1");
    const info = await client.readContract({
      address: hex(devnet.addresses.ticketBroker),
      abi: ticketBroker.abi,
      functionName: "getSenderInfo",
      args: [hex(second.address)],
    });
    expect(info[0].deposit + info[1].fundsRemaining).toBe(12n);
  });
});

describe("blocks", () => {
  test("as many as asked for, and the round that they end in is initialized", async () => {
    const devnet = await start({ roundLength: 50n });
    const head = await devnet.client.blockNumber();
    for (const blocks of [1n, 49n, 50n, 51n, 6_000n]) {
      const before = await devnet.client.blockNumber();
      await devnet.mine(blocks);
      expect((await devnet.client.blockNumber()) - before).toBe(blocks);
      expect(await initialized(devnet)).toBe(await devnet.currentRound());
    }
    expect(await devnet.client.blockNumber()).toBe(head + 6_151n);
  });

  test("made by development tools over the wire begin rounds as well", async () => {
    const devnet = await start({ roundLength: 50n });
    const head = await devnet.client.blockNumber();
    expect(await rpc(devnet.url, call(1, "hardhat_mine", "0x77"))).toMatchObject({ result: true });
    expect(await rpc(devnet.url, call(2, "evm_mine"))).toMatchObject({ result: true });
    expect(await devnet.client.blockNumber()).toBe(head + 0x78n);
    expect(await initialized(devnet)).toBe(await devnet.currentRound());
    expect(await rpc(devnet.url, call(3, "hardhat_mine", -1))).toMatchObject({ error: { code: -32602 } });
  });

  test("come as often as told, by the clock that is handed in", async () => {
    const clock = new TestClock();
    const devnet = await start({ blockTime: ms(250) }, clock);
    const head = await devnet.client.blockNumber();
    for (let count = 0; count < 3; count += 1) {
      while (clock.sleeping === 0) await turn();
      await clock.advance(ms(250));
    }
    while (clock.sleeping === 0) await turn();
    expect(await devnet.client.blockNumber()).toBe(head + 3n);
  });

  test("a round is initialized before somebody's transaction could be the first in it", async () => {
    const devnet = await start({ roundLength: 50n });
    await devnet.mine(49n);
    const round = await devnet.currentRound();
    const hash = await writer(devnet.url).sendTransaction({ chain: null, to: hex(second.address), value: 1n });
    const { blockNumber } = await reader(devnet.url).getTransactionReceipt({ hash });
    expect(blockNumber / 50n).toBe(round + 1n);
    expect(await initialized(devnet)).toBe(round + 1n);
  });

  test("wait for somebody to make them while automatic mining is off", async () => {
    const devnet = await start();
    await devnet.setAutomine(false);
    const hash = await writer(devnet.url).sendTransaction({ chain: null, to: hex(second.address), value: 1n });
    await expect(reader(devnet.url).getTransactionReceipt({ hash })).rejects.toThrow();
    await devnet.mine();
    expect(await reader(devnet.url).getTransactionReceipt({ hash })).toMatchObject({ status: "success" });
  });

  test("are replaced by others in a reorganisation, and their transactions are gone", async () => {
    const devnet = await start();
    const snapshot = await devnet.snapshot();
    const hash = await writer(devnet.url).sendTransaction({ chain: null, to: hex(second.address), value: 1n });
    await devnet.mine(9n);
    const client = reader(devnet.url);
    const head = await client.getBlock();
    await devnet.reorganize(snapshot, 10n);
    const other = await client.getBlock();
    expect(other.number).toBe(head.number);
    expect(other.hash).not.toBe(head.hash);
    await expect(client.getTransactionReceipt({ hash })).rejects.toThrow();
  });

  test("a state can be returned to more than once", async () => {
    const devnet = await start();
    const head = await devnet.client.blockNumber();
    let snapshot = await devnet.snapshot();
    for (let count = 0; count < 3; count += 1) {
      await devnet.mine(5n);
      snapshot = await devnet.revert(snapshot);
      expect(await devnet.client.blockNumber()).toBe(head);
    }
  });
});

describe("a chain on top of another", () => {
  test("counts rounds in blocks of L1, and says their number beside its own", async () => {
    const devnet = await start({ roundLength: 50n, blocksPerL1Block: 4n });
    const round = await devnet.nextRound();
    const head = await devnet.client.blockNumber();
    expect(head).toBe(round * 200n);
    expect(await initialized(devnet)).toBe(round);
    await devnet.mine(42n);
    expect(await rpc(devnet.url, call(1, "eth_getBlockByNumber", "latest", false))).toMatchObject({
      result: { number: toHex(head + 42n), l1BlockNumber: toHex(round * 50n + 10n) },
    });
    const to = devnet.addresses.roundsManager;
    const [abi, functionName] = [roundsManager.abi, "blockNum"] as const;
    expect(await devnet.client.read({ to, abi, functionName, args: [] })).toBe(round * 50n + 10n);
  });

  test("may have rounds without a hash", async () => {
    const devnet = await start();
    const round = await devnet.currentRound();
    const to = devnet.addresses.roundsManager;
    const read = () =>
      devnet.client.read({ to, abi: roundsManager.abi, functionName: "blockHashForRound", args: [round] });
    expect(BigInt(await read())).not.toBe(0n);
    await devnet.eraseRoundHash(round);
    expect(BigInt(await read())).toBe(0n);
  });
});

describe("prices", () => {
  test("gas costs what it is told to, for as long as nobody tells otherwise", async () => {
    const devnet = await start({ gasPrice: 10_000_000n });
    const client = reader(devnet.url);
    expect(await client.getGasPrice()).toBe(10_000_000n);
    await devnet.setGasPrice(500_000_000n);
    await devnet.mine(100n);
    expect(await client.getGasPrice()).toBe(500_000_000n);
    expect((await client.getBlock()).baseFeePerGas).toBe(500_000_000n);
    const hash = await writer(devnet.url).sendTransaction({ chain: null, to: hex(second.address), value: 1n });
    const { effectiveGasPrice } = await client.getTransactionReceipt({ hash });
    expect(effectiveGasPrice).toBe(500_000_000n);
  });

  test("ETH costs what the feed is told, since when it is told", async () => {
    const devnet = await start();
    const latest = () =>
      devnet.client.read({
        to: devnet.addresses.priceFeed,
        abi: priceFeed.abi,
        functionName: "latestRoundData",
        args: [],
      });
    expect((await latest())[1]).toBe(3_000n * 10n ** 8n);
    await devnet.setPriceFeed(2_500n * 10n ** 8n, 1_234n);
    expect(await latest()).toEqual([2n, 2_500n * 10n ** 8n, 1_234n, 1_234n, 2n]);
  });
});

describe("the JSON-RPC server", () => {
  test("answers what a node asks when it starts and when it pays", async () => {
    const { url } = await start();
    const head = { number: expect.any(String), baseFeePerGas: "0x5f5e100", timestamp: expect.any(String) };
    const asked = [
      [call(1, "eth_chainId"), "0x7a69"],
      [call(2, "eth_getBlockByNumber", "latest", false), expect.objectContaining(head)],
      [call(3, "eth_maxPriorityFeePerGas"), "0x0"],
      [call(4, "eth_getLogs", { fromBlock: "0x0", toBlock: "latest", topics: [[]] }), expect.any(Array)],
      [call(5, "eth_getTransactionCount", first.address, "pending"), expect.stringMatching(/^0x/)],
      [call(6, "eth_getCode", local.controller, "latest"), expect.stringMatching(/^0x60/)],
      [call(7, "eth_getTransactionReceipt", `0x${"1".repeat(64)}`), null],
      [call(8, "eth_getTransactionByHash", `0x${"1".repeat(64)}`), null],
      [call(9, "net_version"), "31337"],
    ] as const;
    expect(
      await rpc(
        url,
        asked.map(([question]) => question),
      ),
    ).toEqual(asked.map(([{ id }, result]) => ({ jsonrpc: "2.0", id, result })));
  });

  test("tells a contract's reason as nodes do, for calls and for estimates", async () => {
    const { url, addresses } = await start();
    const withdraw = { from: second.address, to: addresses.ticketBroker, data: "0x3ccfd60b" };
    for (const method of ["eth_call", "eth_estimateGas"])
      expect(await rpc(url, call(1, method, withdraw))).toMatchObject({
        error: {
          code: 3,
          message: "execution reverted: sender deposit and reserve are zero",
          data: expect.stringMatching(/^0x08c379a0/),
        },
      });
  });

  test("includes a transaction that fails, as the network would", async () => {
    const { url, addresses } = await start();
    const hash = await writer(url).sendTransaction({
      chain: null,
      to: hex(addresses.ticketBroker),
      data: "0x3ccfd60b",
      gas: 200_000n,
    });
    expect(await reader(url).getTransactionReceipt({ hash })).toMatchObject({ status: "reverted" });
  });

  test("refuses what it cannot read", async () => {
    const { url } = await start();
    expect(await rpc(url, "{")).toMatchObject({ id: null, error: { code: -32700 } });
    expect(await rpc(url, [])).toMatchObject({ id: null, error: { code: -32600 } });
    expect(await rpc(url, 7)).toMatchObject({ id: null, error: { code: -32600 } });
    expect(await rpc(url, call(3, "eth_nothing"))).toMatchObject({ id: 3, error: { code: -32004 } });
    expect((await fetch(url)).status).toBe(405);
    const huge = await fetch(url, { method: "POST", body: "x".repeat(5 * 1024 * 1024) }).then(
      ({ status }) => status,
      () => 413,
    );
    expect(huge).toBe(413);
  });

  test("is gone once the chain has stopped, also for those who were connected", async () => {
    const devnet = await startDevnet({ blockTime: ms(10) }, { clock: new TestClock() });
    const { url } = devnet;
    await rpc(url, call(1, "eth_chainId"));
    await devnet.stop();
    await devnet.stop();
    await expect(fetch(url, { method: "POST" })).rejects.toThrow();
  });
});

describe("an endpoint that fails as told", () => {
  async function behind(): Promise<{ devnet: Devnet; endpoint: FaultyEndpoint }> {
    const devnet = await start();
    const endpoint = new FaultyEndpoint(devnet.url);
    await endpoint.start();
    running.push(endpoint);
    return { devnet, endpoint };
  }

  test("by default says what the chain says", async () => {
    const { devnet, endpoint } = await behind();
    const question = [call(1, "eth_chainId"), call(2, "eth_blockNumber"), call(3, "eth_nothing")];
    expect(await rpc(endpoint.url, question)).toEqual(await rpc(devnet.url, question));
    expect(endpoint.methods).toEqual(["eth_chainId", "eth_blockNumber", "eth_nothing"]);
  });

  test("breaks connections, answers rubbish, limits, fails", async () => {
    const { endpoint } = await behind();
    endpoint.behave(endpointFaults.down);
    await expect(rpc(endpoint.url, call(1, "eth_chainId"))).rejects.toThrow();
    endpoint.behave(endpointFaults.rubbish);
    await expect(rpc(endpoint.url, call(1, "eth_chainId"))).rejects.toThrow();
    endpoint.behave(endpointFaults.limited);
    expect((await fetch(endpoint.url, { method: "POST", body: JSON.stringify(call(1, "eth_chainId")) })).status).toBe(
      429,
    );
    endpoint.behave(endpointFaults.failing(-32000, "header not found", "eth_call"));
    expect(await rpc(endpoint.url, [call(1, "eth_chainId"), call(2, "eth_call")])).toMatchObject([
      { id: 1, result: "0x7a69" },
      { id: 2, error: { code: -32000 } },
    ]);
    const logs = call(1, "eth_getLogs", { fromBlock: "0x0", toBlock: "0x30" });
    endpoint.behave(endpointFaults.narrow(9));
    expect(await rpc(endpoint.url, logs)).toMatchObject({
      error: { message: "query returned more than 10000 results" },
    });
    endpoint.behave(endpointFaults.narrow(0x40));
    expect(await rpc(endpoint.url, logs)).toMatchObject({ result: expect.any(Array) });
    endpoint.behave(endpointFaults.chain(42161));
    expect(await rpc(endpoint.url, call(1, "eth_chainId"))).toMatchObject({ result: "0xa4b1" });
  });

  test("keeps callers waiting, for a while or for ever", async () => {
    const { endpoint } = await behind();
    const opened = Promise.withResolvers<void>();
    endpoint.behave(endpointFaults.slow(opened.promise));
    const answer = rpc(endpoint.url, call(1, "eth_chainId"));
    await endpoint.arrived(1);
    opened.resolve();
    expect(await answer).toMatchObject({ result: "0x7a69" });
    endpoint.behave(endpointFaults.silent);
    const never = rpc(endpoint.url, call(2, "eth_chainId"));
    await endpoint.arrived(2);
    await endpoint.stop();
    await expect(never).rejects.toThrow();
  });

  test("serves a head that has stopped", async () => {
    const { devnet, endpoint } = await behind();
    const head = await devnet.client.blockNumber();
    endpoint.behave(endpointFaults.stale(head));
    const hash = await writer(devnet.url).sendTransaction({ chain: null, to: hex(second.address), value: 1n });
    await devnet.fundSender(second.address, { deposit: 1n, reserve: 1n });
    const [stale, current] = [reader(endpoint.url), reader(devnet.url)];
    expect(await stale.getBlockNumber({ cacheTime: 0 })).toBe(head);
    expect((await stale.getBlock()).number).toBe(head);
    await expect(stale.getBlock({ blockNumber: head + 1n })).rejects.toThrow();
    await expect(stale.getTransactionReceipt({ hash })).rejects.toThrow();
    expect(await current.getTransactionReceipt({ hash })).toMatchObject({ status: "success" });
    const logs = { fromBlock: head, toBlock: "latest" } as const;
    expect((await current.getLogs(logs)).length).toBeGreaterThan((await stale.getLogs(logs)).length);
    expect(await stale.getLogs({ fromBlock: head + 1n, toBlock: head + 9n })).toEqual([]);
    const balance = { address: hex(second.address) };
    expect(await current.getBalance(balance)).not.toBe(await stale.getBalance(balance));
  });
});

test("money cannot be spent without the key", async () => {
  const devnet = await start();
  const poor = privateKeyToAccount(`0x${"7".repeat(64)}`);
  const wallet = createWalletClient({ transport: http(devnet.url, { retryCount: 0 }), account: poor });
  const spend = wallet.sendTransaction({ chain: null, to: hex(second.address), value: parseEther("1") });
  await expect(spend).rejects.toThrow();
});

function toHex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function initialized(devnet: Devnet): Promise<bigint> {
  const to = devnet.addresses.roundsManager;
  return devnet.client.read({ to, abi: roundsManager.abi, functionName: "lastInitializedRound", args: [] });
}
