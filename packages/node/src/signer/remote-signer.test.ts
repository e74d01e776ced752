import { once } from "node:events";
import { get } from "node:https";
import { connect } from "node:net";
import { address, checksumAddress, keySigner, rawSign } from "@rivulet/crypto";
import { MemoryPaymentStore, Sender, type SignerBudget } from "@rivulet/payments";
import { batchPipelines } from "@rivulet/pipelines";
import { minutes, ms, Rational, RivuletError, silentLogger, wei } from "@rivulet/primitives";
import { MemorySettings } from "@rivulet/store";
import { FakeTill, MemoryChain, seededRandomness, TestClock, tlsIdentityForTests } from "@rivulet/testkit";
import { decodePayment, encodeCapabilities, encodeOrchestratorInfo, NO_CAPABILITIES } from "@rivulet/wire";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StoredSignerBook } from "./book.ts";
import { type SignerCaller, SignerRefusal } from "./callers.ts";
import { RemoteSigner, type SignerLimits } from "./remote-signer.ts";
import { SignerServer } from "./server.ts";

const KEY = new Uint8Array(32).fill(7);
const account = keySigner(KEY);
const RECIPIENT = address(`0x${"1".repeat(40)}`);
const ETHER = 10n ** 18n;
const PRICE = Rational.of(10n ** 7n);

let clock: TestClock;
let chain: MemoryChain;
let till: FakeTill;
/** What the webhook says; without it there is none. */
let verdict: SignerCaller | undefined;
let limits: SignerLimits;
let admit: (headers: Readonly<Record<string, unknown>>) => string;
const randomness = seededRandomness(3);

beforeEach(async () => {
  clock = new TestClock();
  chain = new MemoryChain();
  till = new FakeTill({ address: RECIPIENT, price: PRICE }, { chain, clock, randomness, log: silentLogger });
  await till.start();
  chain.fund(account.address, { deposit: ETHER, reserve: ETHER });
  verdict = undefined;
  limits = { maxPrice: () => undefined, everything: undefined };
  admit = () => "";
});
afterEach(() => till.stop());

function signerWith(budget?: SignerBudget): RemoteSigner {
  const store = new MemoryPaymentStore();
  const sender = new Sender(
    { maxTicketValue: wei(3n * 10n ** 12n), maxTotalValue: wei(10n ** 15n), depositMultiplier: 1n },
    {
      rounds: chain,
      senders: chain.sendersFor(account.address),
      signer: { address: account.address, sign: async (hashes) => hashes.map((hash) => rawSign(KEY, hash)) },
      store,
      clock,
    },
  );
  return new RemoteSigner(
    { budget },
    {
      sender,
      signer: account,
      key: KEY,
      book: new StoredSignerBook(new MemorySettings()),
      ledger: store,
      limits,
      admit: (headers) => admit(headers),
      ...(verdict === undefined ? {} : { ask: async () => verdict as SignerCaller }),
      clock,
      randomness,
      log: silentLogger,
    },
  );
}

async function question(more: object = {}) {
  const info = {
    serviceUri: "https://o.test:8935",
    address: RECIPIENT,
    authToken: { token: Uint8Array.of(1), sessionId: "s", expiresAt: ms(clock.now() + minutes(30)) },
    price: PRICE,
    ticketParams: await till.recipient.issue(account.address, PRICE),
    hardware: [],
    prices: [],
    nodes: [],
  };
  const orchestrator = Buffer.from(encodeOrchestratorInfo(info)).toString("base64");
  return { orchestrator, ManifestID: "27_m", inPixels: 1000, ...more };
}

const signal = new AbortController().signal;
const ticketsIn = (payment: string) => decodePayment(payment).tickets?.signed.length ?? 0;

describe("a caller", () => {
  test("cannot take a step twice, nor go back to an old state", async () => {
    const signer = signerWith();
    const first = await signer.generateLivePayment(await question(), {}, signal);
    expect(ticketsIn(first.payment)).toBe(1);
    const more = { state: first.state, inPixels: 1_000_000 };
    await signer.generateLivePayment(await question(more), {}, signal);
    await expect(signer.generateLivePayment(await question(more), {}, signal)).rejects.toMatchObject({
      code: "signer.state-replayed",
    });
  });

  test("cannot go on with a state that it changed, or that another made", async () => {
    const signer = signerWith();
    const { state } = await signer.generateLivePayment(await question(), {}, signal);
    const forged = Buffer.from(state.State, "base64")
      .toString("utf8")
      .replace(/"Balance":"[^"]*"/, '"Balance":"1"');
    const State = Buffer.from(forged).toString("base64");
    for (const Sig of [
      state.Sig,
      Buffer.from(
        rawSign(
          KEY.map((byte) => byte + 1),
          Buffer.from(forged),
        ),
      ).toString("base64"),
    ])
      await expect(
        signer.generateLivePayment(await question({ state: { State, Sig } }), {}, signal),
      ).rejects.toMatchObject({ code: "signer.state-invalid" });
  });

  test("cannot go on with the session of another", async () => {
    admit = ({ authorization }) => String(authorization);
    const signer = signerWith();
    const { state } = await signer.generateLivePayment(await question(), { authorization: "a" }, signal);
    const stolen = await question({ state, inPixels: 1_000_000 });
    await expect(signer.generateLivePayment(stolen, { authorization: "b" }, signal)).rejects.toMatchObject({
      code: "signer.caller-changed",
    });
  });

  test.each([
    ["by key", "a", "", "a"],
    ["by the webhook", "a", "w", "w"],
    ["by the webhook alone", "", "w", "w"],
    ["by nothing but its own word", "", "", ""],
  ])("that is known %s cannot name another to spend its budget", async (_how, key, authId, spender) => {
    admit = () => key;
    verdict = { authId, authExpiry: 0, ceilings: [] };
    const signer = signerWith({ amount: wei(2n * 10n ** 12n), period: minutes(60) });
    for (const name of ["x", "y", "z"]) {
      const signed = signer.generateLivePayment(await question(), { "signer-auth-id": name }, signal);
      if (name === "x") expect((await signed).authId).toBe(spender);
      else await expect(signed).rejects.toMatchObject({ code: "signer.budget-exhausted" });
    }
  });
});

describe("the most a unit may cost", () => {
  const [low, high] = [PRICE.minus(Rational.of(1n)), PRICE.times(Rational.of(2n))];
  const of: Readonly<Record<string, Rational>> = { low, high };
  const naming = (...models: readonly string[]) => {
    const [pipeline] = batchPipelines;
    const capability = pipeline?.capability;
    if (capability?.kind !== "network") return expect.unreachable();
    const constraints = new Map(
      models.map((model) => [model, { isWarm: false, capacity: 1, runnerVersion: "", capacityInUse: 0 }]),
    );
    const told = { ...NO_CAPABILITIES, models: new Map([[capability.id, constraints]]) };
    return { capabilities: Buffer.from(encodeCapabilities(told)).toString("base64") };
  };
  const outcome = async (more: object) =>
    await signerWith()
      .generateLivePayment(await question(more), {}, signal)
      .then(
        () => "signed",
        ({ code }: { code: string }) => code,
      );

  test.each([
    [["high"], "signed"],
    [["low"], "signer.price-exceeded"],
    [["high", "low"], "signer.price-exceeded"],
    [["low", "unlimited"], "signer.price-exceeded"],
    [["low", "low2"], "signer.price-exceeded"],
    [["unlimited"], "signed"],
  ])("is the lowest limit of the named models %j: %s", async (models, expected) => {
    limits = { maxPrice: (_, model) => of[model.replace(/\d$/, "")], everything: undefined };
    expect(await outcome(naming(...models))).toBe(expected);
  });

  test("is that of everything for whoever names nothing, or models without a limit", async () => {
    limits = { maxPrice: (_, model) => of[model] ?? low, everything: low };
    for (const more of [{}, naming("unlimited"), naming("high", "unlimited")])
      expect(await outcome(more)).toBe("signer.price-exceeded");
    expect(await outcome(naming("high"))).toBe("signed");
  });
});

async function healthOf(origin: string, ca: string): Promise<number | undefined> {
  const [response] = await once(get(`${origin}/healthz`, { ca, agent: false }), "response");
  response.resume();
  return response.statusCode;
}

describe("the port", () => {
  test("speaks TLS with a certificate, and without one says that keys travel in the clear where others listen", async () => {
    const identity = await tlsIdentityForTests();
    const secure = new SignerServer(
      { host: "127.0.0.1", port: 0, identity },
      { signer: signerWith(), log: silentLogger },
    );
    await secure.start();
    expect(await healthOf(secure.address, identity.cert)).toBe(200);
    await secure.stop();
    const warnings: string[] = [];
    const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
    for (const options of [{ host: "127.0.0.1" }, { host: "0.0.0.0", identity }, { host: "0.0.0.0" }]) {
      const server = new SignerServer({ port: 0, ...options }, { signer: signerWith(), log });
      await server.start();
      await server.stop();
    }
    expect(warnings).toEqual([expect.stringContaining("-tlsCertificate")]);
  });

  test("answers strangers before it has read what they send, and leaves nothing open", async () => {
    admit = () => {
      throw new SignerRefusal(401, "a bearer key is needed");
    };
    const server = new SignerServer({ host: "127.0.0.1", port: 0 }, { signer: signerWith(), log: silentLogger });
    await server.start();
    const { port } = new URL(server.address);
    const socket = connect(Number(port), "127.0.0.1");
    const closed = once(socket, "close");
    socket.write("POST /generate-live-payment HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{");
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString("latin1")).toMatch(/^HTTP\/1\.1 401 /);
    await server.stop();
    await closed;
  });

  test("tells admitted callers who does what, nobody else, and says when nobody is known", async () => {
    admit = ({ authorization }) => {
      if (authorization !== "Bearer k") throw new SignerRefusal(401, "a bearer key is needed");
      return "a";
    };
    const lists: string[][] = [];
    const directory = {
      list: (names: readonly string[] = []) => {
        lists.push([...names]);
        if (names.includes("none")) throw new RivuletError("network.no-orchestrators", { retryAfterMs: 1000 });
        return [];
      },
    };
    const ports = { signer: signerWith(), log: silentLogger };
    const statusOf = async (path: string, init: RequestInit = {}, given: object = { directory }) => {
      const server = new SignerServer({ host: "127.0.0.1", port: 0 }, { ...ports, ...given });
      await server.start();
      const { status } = await fetch(`${server.address}${path}`, init);
      await server.stop();
      return status;
    };
    const headers = { authorization: "Bearer k" };
    const path = "/discover-orchestrators";
    expect(await statusOf(`${path}?caps=llm/a&caps=llm/b%2Fc`, { headers })).toBe(200);
    expect(lists).toEqual([["llm/a", "llm/b/c"]]);
    expect(await statusOf(path)).toBe(401);
    expect(await statusOf(path, { headers, method: "POST" })).toBe(405);
    expect(lists).toHaveLength(1);
    expect(await statusOf(`${path}?caps=none`, { headers })).toBe(503);
    expect(await statusOf(path, { headers }, {})).toBe(404);
  });

  test("tells who signs", () => {
    expect(signerWith().signOrchestratorInfo().address).toBe(checksumAddress(account.address));
  });
});
