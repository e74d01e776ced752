import { minutes, ms, seconds, silentLogger } from "@rivulet/primitives";
import { afterEach, describe, expect, test } from "vitest";
import { JumpingClock, ScriptedChain } from "../../test/scripted-chain.ts";
import { blockAt } from "./blocks.ts";
import { quantity, rpcCall } from "./call.ts";
import { Endpoints } from "./endpoints.ts";

const started: ScriptedChain[] = [];

async function chainOf(length: number): Promise<ScriptedChain> {
  const chain = new ScriptedChain(length);
  await chain.start();
  started.push(chain);
  return chain;
}

function endpointsOf(chains: readonly ScriptedChain[], options: { readonly staleAfter?: ReturnType<typeof ms> } = {}) {
  const clock = new JumpingClock();
  const endpoints = new Endpoints(
    { urls: chains.map(({ url }) => `${url}/key-of-mine`), chainId: 31337, timeout: ms(200), ...options },
    { fetch, clock, log: silentLogger },
  );
  return { clock, endpoints };
}

const blockNumber = rpcCall("eth_blockNumber", [], quantity);

afterEach(async () => {
  for (const chain of started.splice(0)) await chain.stop();
});

describe("one endpoint", () => {
  test("answers of a batch are in the order of its calls, also when it takes no batches", async () => {
    const chain = await chainOf(5);
    const { endpoints } = endpointsOf([chain]);
    for (const takesBatches of [true, false]) {
      chain.takesBatches = takesBatches;
      const [second, number, missing] = await endpoints.batch([blockAt(2n), blockNumber, blockAt(9n)]);
      expect([second?.number, number, missing]).toEqual([2n, 4n, undefined]);
    }
  });

  test("the L1 block is that of the block's JSON, or else its number", async () => {
    const chain = await chainOf(5);
    const { endpoints } = endpointsOf([chain]);
    expect(await endpoints.head()).toMatchObject({ number: 4n, l1Block: 4n, baseFee: 100_000_000n });
    chain.decorate = () => ({ l1BlockNumber: "0x1406f40" });
    expect(await endpoints.head()).toMatchObject({ number: 4n, l1Block: 21_000_000n });
  });

  test("a refusal is told with its code and the data of a revert, and is not asked again", async () => {
    const chain = await chainOf(1);
    const { endpoints } = endpointsOf([chain]);
    chain.script = ({ method }) =>
      method === "eth_call"
        ? { error: { code: -32603, message: "execution reverted", data: { data: "0x08c379a0" } } }
        : undefined;
    await expect(endpoints.request(rpcCall("eth_call", [], quantity))).rejects.toMatchObject({
      code: "chain.refused",
      facts: { rpcCode: -32603, reason: "execution reverted", data: "0x08c379a0" },
    });
    expect(chain.methods.filter((method) => method === "eth_call")).toHaveLength(1);
  });

  test("another chain is refused", async () => {
    const chain = await chainOf(1);
    chain.chainId = 1;
    const { endpoints } = endpointsOf([chain]);
    await expect(endpoints.request(blockNumber)).rejects.toMatchObject({
      code: "chain.wrong-network",
      facts: { expected: 31337, actual: 1 },
    });
    expect(chain.methods).not.toContain("eth_blockNumber");
  });

  test("an endpoint that is away for a moment is asked again", async () => {
    const chain = await chainOf(1);
    const { endpoints } = endpointsOf([chain]);
    let failures = 2;
    chain.script = () => (failures-- > 0 ? { status: 503 } : undefined);
    expect(await endpoints.request(blockNumber)).toBe(0n);
  });

  test("the error of all failing says what each one did, and never the address beyond its host", async () => {
    const [silent, limited] = [await chainOf(1), await chainOf(1)];
    silent.script = () => "hang";
    limited.script = () => ({ error: { code: -32005, message: "key-of-mine is over its rate limit" } });
    const { endpoints } = endpointsOf([silent, limited]);
    const error = await endpoints.request(blockNumber).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "chain.unavailable" });
    expect(String(error)).toMatch(/no answer within 200 ms.*… is over its rate limit/);
    expect(String(error)).not.toContain("key-of-mine");
  });

  test("a name and password in the address go where they belong", async () => {
    const asked: [string, unknown][] = [];
    const answering: typeof fetch = async (url, init) => {
      asked.push([String(url), new Headers(init?.headers).get("authorization")]);
      return Response.json({ jsonrpc: "2.0", id: asked.length, result: "0x1" });
    };
    const endpoints = new Endpoints(
      { urls: ["https://me:pass%40word@node.example/v2"], chainId: 1 },
      { fetch: answering, clock: new JumpingClock(), log: silentLogger },
    );
    expect(await endpoints.request(blockNumber)).toBe(1n);
    expect(asked[0]).toEqual(["https://node.example/v2", `Basic ${btoa("me:pass@word")}`]);
  });

  test("an aborted call ends with the reason of its signal", async () => {
    const chain = await chainOf(1);
    chain.script = () => "hang";
    const { endpoints } = endpointsOf([chain]);
    const stop = new AbortController();
    const asked = endpoints.request(blockNumber, stop.signal);
    stop.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
  });

  test("an address that is none is a problem of the configuration", () => {
    for (const url of ["nowhere", "ftp://127.0.0.1"]) {
      const make = () =>
        new Endpoints({ urls: [url], chainId: 1 }, { fetch, clock: new JumpingClock(), log: silentLogger });
      expect(make).toThrow(expect.objectContaining({ code: "config.invalid" }));
    }
  });
});

describe("a second endpoint takes over", () => {
  const failures: Readonly<Record<string, (chain: ScriptedChain) => void>> = {
    "broken connections": (chain) => void chain.stop(),
    silence: (chain) => void (chain.script = () => "hang"),
    "an error page": (chain) => void (chain.script = () => ({ status: 502 })),
    "a rate limit": (chain) => void (chain.script = () => ({ status: 429 })),
    "another chain": (chain) => void (chain.chainId = 1),
    "answers that cannot be read": (chain) => void (chain.script = () => ({ result: "soon" })),
    "a block it does not know yet": (chain) =>
      void (chain.script = () => ({ error: { code: -32000, message: "header not found" } })),
  };
  for (const [failure, happens] of Object.entries(failures)) {
    test(`after ${failure}, within the same call`, async () => {
      const [first, second] = [await chainOf(3), await chainOf(7)];
      const { endpoints } = endpointsOf([first, second]);
      expect(await endpoints.request(blockNumber)).toBe(2n);
      const { endpoints: fresh } = endpointsOf([first, second]);
      happens(first);
      expect(await fresh.request(blockNumber)).toBe(6n);
      expect(fresh.views[0]).toMatchObject({ isResting: true, problem: expect.any(String) });
      if (failure === "broken connections") started.splice(started.indexOf(first), 1);
    });
  }

  test("a refusal of the chain is not asked elsewhere", async () => {
    const [first, second] = [await chainOf(1), await chainOf(1)];
    first.script = ({ method }) =>
      method === "eth_call" ? { error: { code: 3, message: "execution reverted: no", data: "0x" } } : undefined;
    const { endpoints } = endpointsOf([first, second]);
    await expect(endpoints.request(rpcCall("eth_call", [], quantity))).rejects.toMatchObject({ code: "chain.refused" });
    expect(second.calls).toEqual([]);
  });

  test("the first is preferred again when it is back and has rested", async () => {
    const [first, second] = [await chainOf(3), await chainOf(7)];
    const { endpoints, clock } = endpointsOf([first, second]);
    first.script = () => ({ status: 503 });
    expect(await endpoints.request(blockNumber)).toBe(6n);
    first.script = () => undefined;
    expect(await endpoints.request(blockNumber)).toBe(6n);
    clock.pass(seconds(1));
    expect(await endpoints.request(blockNumber)).toBe(2n);
  });

  test("one that keeps failing is asked less and less, and at least every minute", async () => {
    const [first, second] = [await chainOf(3), await chainOf(7)];
    const { endpoints, clock } = endpointsOf([first, second]);
    first.script = () => ({ status: 503 });
    for (let elapsed = 0; elapsed < 600; elapsed++) {
      await endpoints.request(blockNumber);
      clock.pass(seconds(1));
    }
    // After 0, 1, 3, 7, 15, 31, 63 seconds, and every 60 from then on.
    expect(first.calls).toHaveLength(7 + 8);
  });

  test("one whose head is far behind what was seen is passed over", async () => {
    const [first, second] = [await chainOf(200), await chainOf(201)];
    const { endpoints } = endpointsOf([first, second]);
    expect((await endpoints.head()).number).toBe(199n);
    first.undo(100);
    expect((await endpoints.head()).number).toBe(200n);
    expect(endpoints.views[0]?.problem).toBe("its newest block is 99, behind 199");
  });

  test("one whose head stands still while another goes on is passed over", async () => {
    const [first, second] = [await chainOf(100), await chainOf(100)];
    const { endpoints, clock } = endpointsOf([first, second], { staleAfter: minutes(1) });
    expect((await endpoints.head()).number).toBe(99n);
    second.mine(3);
    clock.pass(seconds(59));
    expect((await endpoints.head()).number).toBe(99n);
    clock.pass(seconds(1));
    expect((await endpoints.head()).number).toBe(102n);
    expect(endpoints.views[0]).toMatchObject({ isResting: true });
  });

  test("a chain on which nothing happens is not stale", async () => {
    const [first, second] = [await chainOf(100), await chainOf(100)];
    const { endpoints, clock } = endpointsOf([first, second], { staleAfter: minutes(1) });
    for (let minute = 0; minute < 5; minute++) {
      expect((await endpoints.head()).number).toBe(99n);
      clock.pass(minutes(1));
    }
    expect(endpoints.views.map(({ problem }) => problem)).toEqual([undefined, undefined]);
  });
});
