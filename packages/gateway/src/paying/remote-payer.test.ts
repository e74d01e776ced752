import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { address, checksumAddress, discoveryText, keySigner, rawSign } from "@rivulet/crypto";
import { decideSigning, type SignerState, ticketHash, ticketValue } from "@rivulet/payments";
import { textToImage } from "@rivulet/pipelines";
import {
  httpOf,
  invariant,
  isError,
  minutes,
  ms,
  Rational,
  seconds,
  serviceUri,
  silentLogger,
} from "@rivulet/primitives";
import { FakeTill, MemoryChain, seededRandomness, TestClock } from "@rivulet/testkit";
import {
  batchManifestId,
  type Capabilities,
  decodeCapabilities,
  decodeOrchestratorInfo,
  decodePayment,
  decodeSegmentCredentials,
  encodePayment,
  encodeSegmentCredentials,
  flatten,
  type OrchestratorInfo,
  PAYMENT_HEADER,
  SEGMENT_HEADER,
  signSegmentCredentials,
} from "@rivulet/wire";
import { Agent } from "undici";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { OrchestratorSession } from "../orchestrator-session.ts";
import { wantedCapabilities } from "../wanted.ts";
import type { Order } from "./payer.ts";
import { RemoteSignerPayer } from "./remote-payer.ts";

const KEY = new Uint8Array(32).fill(9);
const signer = keySigner(KEY);
const MODEL = "any/model";
const ETHER = 10n ** 18n;
const RECIPIENT = address(`0x${"1".repeat(40)}`);
const uri = serviceUri("https://o.test:8935");

let clock: TestClock;
let chain: MemoryChain;
let till: FakeTill;
let server: Server;
let dispatcher: Agent;
let payer: RemoteSignerPayer;
/** What the signer was asked, and with what headers. */
let calls: { path: string; headers: IncomingMessage["headers"]; body: Record<string, unknown>; status: number }[];
let states: Map<string, SignerState>;
/** Whether the signer says that it wants fresh parameters. */
let needsRefresh = false;
/** Before the signer answers. */
let thinking: Promise<void>;
let onCall: () => void;

beforeEach(async () => {
  clock = new TestClock();
  chain = new MemoryChain();
  calls = [];
  states = new Map();
  needsRefresh = false;
  thinking = Promise.resolve();
  onCall = () => {};
  const ports = { chain, clock, randomness: seededRandomness(1), log: silentLogger };
  till = new FakeTill({ address: RECIPIENT, price: Rational.of(10n ** 7n) }, ports);
  await till.start();
  chain.fund(signer.address, { deposit: ETHER, reserve: ETHER });
  server = createServer((request, response) => {
    void read(request).then(async (body) => {
      await thinking;
      onCall();
      const { status, json } = answerTo(request.url ?? "", body);
      calls.push({ path: request.url ?? "", headers: request.headers, body, status });
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(json));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  dispatcher = new Agent();
  payer = new RemoteSignerPayer(
    { url: `http://127.0.0.1:${port}`, headers: { "x-caller": "me" } },
    { dispatcher, clock },
  );
});

afterEach(async () => {
  await dispatcher.destroy();
  await new Promise((resolve) => server.close(resolve));
  await till.stop();
});

async function read(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
}

const base64 = (text: unknown) => Uint8Array.from(Buffer.from(String(text), "base64"));

/** A signer by the protocol's rules: its arithmetic is the one of our own. */
function answerTo(path: string, body: Record<string, unknown>): { status: number; json: unknown } {
  if (path === "/sign-orchestrator-info") {
    const signature = Buffer.from(signer.sign(discoveryText(signer.address))).toString("hex");
    return { status: 200, json: { address: checksumAddress(signer.address), signature: `0x${signature}` } };
  }
  try {
    return { status: 200, json: sign(body) };
  } catch (error) {
    if (!isError(error)) throw error;
    return { status: httpOf(error), json: { error: { message: error.message } } };
  }
}

function sign(body: Record<string, unknown>) {
  const info = decodeOrchestratorInfo(base64(body["orchestrator"]));
  const { ticketParams: params, price, authToken } = info;
  if (params === undefined || price === undefined || authToken === undefined) throw new Error("an incomplete info");
  const sent = body["state"] as { State: string; Sig: string } | undefined;
  const before = sent && states.get(sent.State);
  const { state, tickets } = decideSigning(before, {
    orchestrator: info.address,
    pmSessionId: Buffer.from(params.recipientRandHash).toString("hex"),
    pricePerUnit: price.numerator,
    pixelsPerUnit: price.denominator,
    ticketValue: ticketValue(params),
    needsRefresh,
    manifestId: String(body["ManifestID"] ?? ""),
    app: "",
    type: "",
    units: BigInt(Number(body["inPixels"])),
    ceilings: [],
    now: clock.now(),
    newStateId: () => `${states.size}`,
  });
  const expiration = params.expiration ?? chain.creation;
  const signed = Array.from({ length: tickets }, (_, index) => {
    const senderNonce = state.senderNonce + 1 + index;
    const ticket = { ...params, sender: signer.address, senderNonce, expiration };
    return { senderNonce, signature: rawSign(KEY, ticketHash(ticket)) };
  });
  const name = `state ${states.size}`;
  states.set(name, { ...state, senderNonce: state.senderNonce + tickets });
  const manifestId = String(body["ManifestID"]);
  const capabilities = decodeCapabilities(base64(body["capabilities"]));
  return {
    payment: encodePayment({ sender: signer.address, expectedPrice: price, tickets: { params, expiration, signed } }),
    segCreds: encodeSegmentCredentials(signSegmentCredentials({ manifestId, capabilities, authToken }, signer)),
    state: { State: name, Sig: "c2ln" },
  };
}

async function order(units = 10_000n): Promise<Order> {
  const { price } = till;
  const token = { token: Uint8Array.of(1), sessionId: "s", expiresAt: ms(clock.now() + minutes(30)) };
  const params = await till.recipient.issue(signer.address, price);
  const info: OrchestratorInfo = {
    serviceUri: uri,
    address: RECIPIENT,
    authToken: token,
    price,
    ticketParams: params,
    hardware: [],
    prices: [],
    nodes: [],
  };
  const pipeline = textToImage as unknown as Order["pipeline"];
  const session = { uri, serviceUri: uri } as OrchestratorSession;
  const offer = { pipeline, model: MODEL, isWarm: true, capacity: 1, capacityInUse: 0, runnerVersion: "" };
  return {
    session,
    offer: { ...offer, terms: { price, params, token, info } },
    pipeline,
    model: MODEL,
    work: { unit: "pixel", amount: units },
    capabilities: wantedCapabilities(pipeline, MODEL, { node: "", runners: {} }) as Capabilities,
  };
}

/** A job at the orchestrator: the payment is taken and the fee charged. */
async function done(given: Order) {
  const request = await payer.pay(given, new AbortController().signal);
  const payment = decodePayment(request.headers[PAYMENT_HEADER]);
  const credentials = decodeSegmentCredentials(request.headers[SEGMENT_HEADER]);
  const fee = till.price.times(given.work.amount);
  const accepted = await till.recipient.accept(payment, { id: credentials.manifestId, quoted: () => till.price });
  if (accepted.refusal !== undefined) throw accepted.refusal;
  using hold = till.ledger.hold(accepted.account, fee);
  await hold.settle(fee);
  request.settle({ kind: "charged", fee });
  return { request, payment, credentials };
}

const signings = () => calls.filter(({ path }) => path === "/generate-live-payment");

test("the signer's signature opens the conversation, and its headers go to it alone", async () => {
  const identity = await payer.identity();
  await payer.identity();
  expect(identity.address).toBe(signer.address);
  expect(Buffer.from(identity.signature)).toEqual(Buffer.from(signer.sign(discoveryText(signer.address))));
  expect(calls.map(({ path, headers }) => [path, headers["x-caller"]])).toEqual([["/sign-orchestrator-info", "me"]]);
  const { request } = await done(await order());
  expect(Object.keys(request.headers)).not.toContain("x-caller");
});

test("state goes back and forth, and every job is paid for: by tickets, or by credit", async () => {
  // Each job costs a tenth of a ticket.
  for (let i = 0; i < 25; i += 1) {
    const { payment, credentials } = await done(await order());
    expect(payment.sender).toBe(signer.address);
    expect(payment.expectedPrice).toEqual(till.price);
    expect(credentials.manifestId).toBe(batchManifestId(27, MODEL));
    const unsigned = { ...credentials, profiles: [] };
    expect(Buffer.from(signer.sign(flatten(unsigned)))).toEqual(Buffer.from(credentials.signature));
  }
  const bodies = signings().map(({ body, status }) => [
    status,
    (body["state"] as { State: string } | undefined)?.State,
  ]);
  expect(bodies[0]).toEqual([200, undefined]);
  expect(
    bodies
      .filter(([status]) => status === 200)
      .slice(1)
      .every(([, state]) => state !== undefined),
  ).toBe(true);
  expect(till.balance(signer.address, batchManifestId(27, MODEL)).compare(Rational.ZERO)).toBeGreaterThanOrEqual(0);
});

test("jobs at once are signed one after the other, with nonces of their own", async () => {
  const given = await order(10n ** 6n);
  const all = await Promise.all(Array.from({ length: 10 }, () => payer.pay(given, new AbortController().signal)));
  const nonces = all.flatMap(
    ({ headers }) => decodePayment(headers[PAYMENT_HEADER]).tickets?.signed.map(({ senderNonce }) => senderNonce) ?? [],
  );
  expect(nonces.length).toBeGreaterThanOrEqual(10);
  expect(new Set(nonces).size).toBe(nonces.length);
});

test("what a job did not use counts for the next one, also when it ends while another is being signed", async () => {
  const given = await order(10n ** 6n);
  const pay = () => payer.pay(given, new AbortController().signal);
  const first = await pay();
  const thought = Promise.withResolvers<void>();
  thinking = thought.promise;
  const asked = once(server, "request");
  const second = pay();
  await asked;
  first.settle({ kind: "charged", fee: till.price.times(4n * 10n ** 5n) });
  thought.resolve();
  await second;
  await pay();
  expect(signings().map(({ body }) => body["inPixels"])).toEqual([1_000_000, 1_000_000, 400_000]);
});

test("a job that waits for its turn can be called off, and holds up nobody", async () => {
  const given = await order(10n ** 6n);
  const thought = Promise.withResolvers<void>();
  thinking = thought.promise;
  const leaving = new AbortController();
  const first = payer.pay(given, new AbortController().signal);
  const second = payer.pay(given, leaving.signal);
  const third = payer.pay(given, new AbortController().signal);
  const gone = new Error("gone");
  leaving.abort(gone);
  await expect(second).rejects.toBe(gone);
  thought.resolve();
  await Promise.all([first, third]);
  expect(signings()).toHaveLength(2);
});

test("a signer that wants fresh parameters makes the job fetch them", async () => {
  needsRefresh = true;
  await expect(payer.pay(await order(), new AbortController().signal)).rejects.toMatchObject({
    code: "payment.params-expired",
  });
});

test("a price that rose above that of the signer's session begins a new session", async () => {
  await done(await order());
  till.price = till.price.times(3n).dividedBy(Rational.of(2n));
  const { payment } = await done(await order(10n ** 6n));
  expect(payment.expectedPrice).toEqual(till.price);
  expect(signings().map(({ status }) => status)).toEqual([200, 481, 200]);
});

test("credit that the orchestrator has lost is bought again, with fresh parameters", async () => {
  const first = await order();
  await done(first);
  const lost = await payer.pay(first, new AbortController().signal);
  lost.settle({ kind: "void" });
  await expect(payer.pay(first, new AbortController().signal)).rejects.toMatchObject({
    code: "payment.params-expired",
  });
  const { payment } = await done(await order());
  expect(payment.tickets?.signed).toHaveLength(1);
});

test("a job of more tickets than a signer signs at a time is signed in several calls, and is one payment", async () => {
  await done(await order(50_000n)); // leaves half a ticket of credit
  const before = signings().length;
  const { request, payment } = await done(await order(35_500_000n));
  expect(signings().length - before).toBe(4);
  expect(request.payment?.tickets).toBe(355);
  const nonces = payment.tickets?.signed.map(({ senderNonce }) => senderNonce) ?? [];
  expect(new Set(nonces).size).toBe(355);
  expect(payment.expectedPrice).toEqual(till.price);
  expect(till.balance(signer.address, batchManifestId(27, MODEL)).compare(Rational.ZERO)).toBeGreaterThanOrEqual(0);
});

test("a part that the signer's credit covers is told again with the next part", async () => {
  await done(await order());
  for (const [name, state] of states) states.set(name, { ...state, balance: Rational.of(150n * 10n ** 12n) });
  const { payment } = await payer.pay(await order(25_000_000n), new AbortController().signal);
  expect(
    signings()
      .slice(1)
      .map(({ body, status }) => [body["inPixels"], status]),
  ).toEqual([
    [10_000_000, 482],
    [20_000_000, 200],
    [5_000_000, 200],
  ]);
  expect(payment?.tickets).toBe(100);
});

test("a job of more tickets than a recipient takes is not begun", async () => {
  await expect(payer.pay(await order(60_000_001n), new AbortController().signal)).rejects.toMatchObject({
    code: "payment.nonces-exhausted",
  });
  expect(signings()).toHaveLength(0);
});

test("a round that begins between two calls asks for fresh parameters", async () => {
  const given = await order(20_000_000n);
  const { terms } = given.offer;
  invariant(terms?.params !== undefined, "a till tells parameters");
  const { expiration: _, ...undated } = terms.params;
  const offer = { ...given.offer, terms: { ...terms, info: { ...terms.info, ticketParams: undated } } };
  onCall = () => chain.mineRound();
  await expect(payer.pay({ ...given, offer }, new AbortController().signal)).rejects.toMatchObject({
    code: "payment.params-expired",
  });
  expect(signings()).toHaveLength(2);
});

test("a price above the maximum is not even shown to the signer", async () => {
  const given = { ...(await order()), maxPrice: Rational.of(1n) };
  await expect(payer.pay(given, new AbortController().signal)).rejects.toMatchObject({ code: "price.above-maximum" });
  expect(signings()).toHaveLength(0);
});

test("a signer that does not answer is said to be the reason", async () => {
  await clock.advance(seconds(1));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await expect(payer.identity()).rejects.toMatchObject({ code: "signer.unavailable" });
  await expect(payer.pay(await order(), new AbortController().signal)).rejects.toMatchObject({
    code: "signer.unavailable",
  });
});
