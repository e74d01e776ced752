import { type Address, address, ZERO_ADDRESS } from "@rivulet/crypto";
import { type Pipeline, textToImage } from "@rivulet/pipelines";
import {
  minutes,
  ms,
  Rational,
  RivuletError,
  type ServiceUri,
  seconds,
  serviceUri,
  silentLogger,
} from "@rivulet/primitives";
import { seededRandomness, TestClock, turn } from "@rivulet/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Offer, OrchestratorSession } from "../orchestrator-session.ts";
import { unpaid } from "../paying/unpaid.ts";
import { Discovery, type DiscoveryOptions } from "./discovery.ts";
import type { DiscoverySource } from "./source.ts";
import { staticSource } from "./static.ts";

interface FakePeer {
  answers: "yes" | "error" | "never";
  nodes: string[];
  address: Address;
  serviceUri?: string;
  tokenLife: number;
  asked: number;
  models: string[];
  /** Who is paid, where it is not `address`. */
  operator?: Address;
  termsOf?: (model: string) => Pick<Offer, "terms" | "objection">;
}

const BAD = address("0x00000000000000000000000000000000000000bd");

let clock: TestClock;
let peers: Map<string, FakePeer>;
let seen: Map<ServiceUri, OrchestratorSession>;
let discovery: Discovery | undefined;

beforeEach(() => {
  clock = new TestClock();
  peers = new Map();
  seen = new Map();
});

afterEach(() => discovery?.stop());

function peer(name: string, facts: Partial<FakePeer> = {}): FakePeer {
  const made: FakePeer = {
    answers: "yes",
    nodes: [],
    address: ZERO_ADDRESS,
    tokenLife: minutes(30),
    asked: 0,
    models: ["m"],
    ...facts,
  };
  peers.set(uriOf(name), made);
  return made;
}

const uriOf = (name: string) => serviceUri(`https://${name}.test:8935`);

async function ask(uri: ServiceUri, signal: AbortSignal) {
  const known = peers.get(uri);
  if (known === undefined) throw new Error("connection refused");
  known.asked += 1;
  if (known.answers === "error") throw new RivuletError("peer.protocol", {});
  if (known.answers === "never") {
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  }
  const session: OrchestratorSession = {
    uri,
    serviceUri: known.serviceUri === undefined ? uri : serviceUri(known.serviceUri),
    address: known.address,
    operator: known.operator ?? known.address,
    version: "0.9.1",
    token: { token: new Uint8Array(), sessionId: "s", expiresAt: ms(clock.now() + known.tokenLife) },
    seenAt: clock.now(),
    latency: ms(1),
    offers: known.models.map((model) => ({
      pipeline: textToImage as unknown as Pipeline,
      model,
      isWarm: true,
      capacity: 1,
      capacityInUse: 0,
      runnerVersion: "",
      ...known.termsOf?.(model),
    })),
    hardware: [],
  };
  return { session, nodes: known.nodes };
}

async function discover(
  names: readonly string[],
  options: Partial<DiscoveryOptions> = {},
  source: DiscoverySource = staticSource(names.map(uriOf)),
): Promise<Discovery> {
  discovery = new Discovery(
    { interval: minutes(1), missesAllowed: 3, extraNodes: 0, blocked: new Set(), ...options },
    {
      source,
      client: { ask, forget: () => {} },
      payer: unpaid(),
      clock,
      randomness: seededRandomness(1),
      log: silentLogger,
    },
    { update: (session) => seen.set(session.uri, session), remove: (uri) => seen.delete(uri) },
  );
  await discovery.start();
  await turn();
  return discovery;
}

const names = () => [...seen.keys()].map((uri) => new URL(uri).hostname.split(".")[0]).sort();

test("everybody who answers is known after the first round", async () => {
  peer("a");
  peer("b");
  const { rounds } = await discover(["a", "b"]);
  expect(names()).toEqual(["a", "b"]);
  expect(rounds).toBe(1);
});

test("those who answer are known while a silent one is still being waited for", async () => {
  peer("silent", { answers: "never" });
  peer("b");
  const found = await discover(["silent", "b"]);
  expect(names()).toEqual(["b"]);
  expect(found.rounds).toBe(0);
  await clock.advance(seconds(3));
  expect(found.rounds).toBe(1);
  expect(found.unused).toEqual([{ uri: uriOf("silent"), reason: "peer.unreachable" }]);
});

test("an orchestrator is forgotten after three missed rounds and found again when it answers", async () => {
  const a = peer("a");
  peer("b");
  await discover(["a", "b"]);
  a.answers = "error";
  await clock.advance(minutes(1.1));
  expect(names()).toEqual(["a", "b"]);
  await clock.advance(seconds(12));
  expect(names()).toEqual(["b"]);
  a.answers = "yes";
  await clock.advance(seconds(6));
  expect(names()).toEqual(["a", "b"]);
});

test("who is paid now counts, also while an orchestrator cannot tell all of its terms", async () => {
  const params = {
    recipient: BAD,
    faceValue: 2n,
    winProbability: 1n,
    recipientRandHash: new Uint8Array(32),
    seed: 1n,
    expirationBlock: 9n,
  };
  const token = { token: new Uint8Array(), sessionId: "s", expiresAt: ms(0) };
  const info = { serviceUri: "", address: ZERO_ADDRESS, hardware: [], prices: [], nodes: [] };
  const terms = { price: Rational.of(1n), params, token, info };
  const a = peer("a", { models: ["m", "n"] });
  await discover(["a"], { blocked: new Set([BAD]) });
  expect(names()).toEqual(["a"]);
  a.operator = BAD;
  a.termsOf = (model) => (model === "m" ? { terms } : { objection: { code: "peer.unreachable", reason: "" } });
  await clock.advance(minutes(1.1));
  expect(names()).toEqual([]);
});

test("while nobody is known, rounds follow each other quickly", async () => {
  const a = peer("a", { answers: "error" });
  await discover(["a"]);
  await clock.advance(seconds(4));
  expect(a.asked).toBeGreaterThanOrEqual(3);
  a.answers = "yes";
  await clock.advance(seconds(6));
  expect(names()).toEqual(["a"]);
});

test("an orchestrator that lost its models is asked again soon", async () => {
  const a = peer("a");
  peer("b");
  await discover(["a", "b"]);
  a.models = [];
  await clock.advance(minutes(1.1));
  expect(names()).toEqual(["b"]);
  a.models = ["m"];
  await clock.advance(seconds(6));
  expect(names()).toEqual(["a", "b"]);
});

test("a session is renewed before its token is in the last tenth of its life", async () => {
  const a = peer("a", { tokenLife: seconds(100) });
  await discover(["a"], { interval: minutes(60) });
  await clock.advance(seconds(80));
  expect(a.asked).toBe(1);
  await clock.advance(seconds(20));
  expect(a.asked).toBe(2);
});

test("a peer whose clock is behind does not make rounds follow each other", async () => {
  const [a, b] = [peer("a", { tokenLife: minutes(-5) }), peer("b")];
  await discover(["a", "b"]);
  await clock.advance(seconds(30));
  expect([a.asked, b.asked]).toEqual([1, 1]);
});

test("blocked addresses, second names of one orchestrator and those without work are not used", async () => {
  peer("a");
  peer("same", { serviceUri: uriOf("a") });
  peer("bad", { address: BAD });
  const found = await discover(["a", "same", "bad"], { blocked: new Set([BAD]) });
  expect(names()).toEqual(["a"]);
  expect(new Map(found.unused.map(({ uri, reason }) => [uri, reason]))).toEqual(
    new Map([
      [uriOf("same"), "same-as-other"],
      [uriOf("bad"), "blocked"],
    ]),
  );
});

test("further addresses are asked one level deep, as many as allowed, when they are https with a port", async () => {
  peer("a", { nodes: ["http://127.0.0.1:5935", "https://no-port.test", uriOf("b"), uriOf("c")] });
  peer("b", { nodes: [uriOf("d")] });
  peer("c");
  peer("d");
  const found = await discover(["a"], { extraNodes: 1 });
  expect(names()).toEqual(["a", "b"]);
  expect(found.unused).toEqual([]);
});

describe("on a public network", () => {
  const LOCAL = serviceUri("https://127.0.0.1:8935");
  const NEIGHBOUR = serviceUri("https://10.0.0.2:8935");
  const at = (uri: ServiceUri) => new URL(uri).hostname;

  test("a private place is not asked when the chain names it, and is when the operator does", async () => {
    const told = peer("local");
    peers.set(LOCAL, told);
    const registered: DiscoverySource = { list: async () => [{ uri: LOCAL, registered: new Set([ZERO_ADDRESS]) }] };
    const found = await discover([], { publicOnly: true }, registered);
    expect(told.asked).toBe(0);
    expect(found.unused).toEqual([{ uri: LOCAL, reason: "peer.not-public" }]);
    await found.stop();
    await discover([], { publicOnly: true }, { list: async () => [{ uri: LOCAL }] });
    expect([...seen.keys()].map(at)).toEqual(["127.0.0.1"]);
  });

  test("an orchestrator cannot send jobs, renewals or questions to a private place, unless it is at one itself", async () => {
    const liar = peer("liar", { serviceUri: NEIGHBOUR });
    const turncoat = peer("turncoat", { nodes: [NEIGHBOUR] });
    const neighbour = peer("neighbour", { serviceUri: NEIGHBOUR });
    peers.set(NEIGHBOUR, neighbour);
    const found = await discover(["liar", "turncoat"], { publicOnly: true, extraNodes: 1 });
    expect(names()).toEqual(["turncoat"]);
    expect([liar.asked, neighbour.asked]).toEqual([1, 0]);
    expect(found.unused).toEqual([{ uri: uriOf("liar"), reason: "peer.not-public" }]);
    const before = seen.get(uriOf("turncoat"));
    if (before === undefined) return expect.unreachable();
    turncoat.serviceUri = NEIGHBOUR;
    await expect(found.refresh(before)).rejects.toMatchObject({ code: "peer.not-public" });
    await found.stop();
    seen.clear();
    await discover([], { publicOnly: true }, staticSource([LOCAL]));
    peers.set(LOCAL, peer("own", { serviceUri: NEIGHBOUR }));
    await clock.advance(seconds(3));
    expect([...seen.keys()].map(at)).toEqual(["127.0.0.1"]);
  });
});

test("jobs that want the same session renewed share one question", async () => {
  const a = peer("a");
  const found = await discover(["a"]);
  const stale = seen.get(uriOf("a"));
  if (stale === undefined) return expect.unreachable();
  const [first, second] = await Promise.all([found.refresh(stale), found.refresh(stale)]);
  expect(first).toBe(second);
  expect(await found.refresh(stale)).toBe(first);
  expect(a.asked).toBe(2);
});

test("stopping ends a question that is never answered", async () => {
  peer("silent", { answers: "never" });
  const found = await discover(["silent"]);
  await found.stop();
  expect(clock.sleeping).toBe(0);
});

test("a wrong entry of a written list is named", () => {
  try {
    staticSource(["a.test", "ftp://x"]);
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ code: "config.invalid", facts: { problems: [{ path: "gateway.orchestrators.1" }] } });
  }
});
