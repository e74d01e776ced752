import { request } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { address, keySigner, rawSign } from "@rivulet/crypto";
import { encodePng, toDataUrl } from "@rivulet/media";
import { Ledger, MemoryPaymentStore, type Rounds, Sender } from "@rivulet/payments";
import {
  type ErrorCode,
  type L1BlockNumber,
  l1BlockNumber,
  ms,
  Rational,
  RivuletError,
  seconds,
  silentLogger,
  wei,
} from "@rivulet/primitives";
import {
  type FakeJob,
  FakeOrchestrator,
  FakeTill,
  MemoryChain,
  seededRandomness,
  TestClock,
  turn,
} from "@rivulet/testkit";
import { chargeOf, decodePayment, PAYMENT_HEADER } from "@rivulet/wire";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { OrchestratorPool } from "./discovery/pool.ts";
import { Gateway } from "./gateway.ts";
import type { JobRecord } from "./job-story.ts";
import type { GatewayOptions, GatewayPorts } from "./options.ts";
import { LocalPayer } from "./paying/local-payer.ts";

const MODEL = "any/model";
const ACCOUNT = `27_${MODEL}`;
const UNITS = 64n * 64n;
const PRICE = Rational.of(10n ** 8n);
const ETHER = 10n ** 18n;
const VALUE = 10n ** 12n;
const KEY = new Uint8Array(32).fill(7);
const SENDER = keySigner(KEY).address;

let clock: TestClock;
let chain: MemoryChain;
let stories: JobRecord[];
let errors: string[];
let started: { stop(): Promise<void> }[];
let log: GatewayPorts["log"];

beforeEach(() => {
  clock = new TestClock();
  chain = new MemoryChain({ roundLength: 10_000n });
  stories = [];
  errors = [];
  started = [];
  log = { ...silentLogger, error: (event) => errors.push(event) };
});

afterEach(async () => {
  for (const each of started.toReversed()) await each.stop();
  expect(errors).toEqual([]);
});

interface Seller extends FakeOrchestrator {
  readonly till: FakeTill;
}

async function seller(number: number, price = PRICE, capacity = 1, itsChain = chain): Promise<Seller> {
  const peer = new FakeOrchestrator({
    models: [{ capability: 27, model: MODEL, capacity, capacityInUse: 0 }],
    now: () => clock.now(),
  });
  const recipient = address(`0x${number.toString(16).padStart(40, "0")}`);
  const till = new FakeTill(
    { address: recipient, price },
    { chain: itsChain, clock, randomness: seededRandomness(number), log },
  );
  await till.start();
  await peer.start();
  till.attach(peer);
  peer.onJob = (job) => till.sell(job, UNITS, (headers) => pictures(job, headers));
  started.push(peer, till);
  return Object.assign(peer, { till });
}

async function pictures({ response }: FakeJob, headers: Record<string, string>): Promise<void> {
  const url = toDataUrl("image/png", await encodePng({ width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) }));
  response.writeHead(200, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ images: [{ url, seed: 1, nsfw: false }] }));
}

interface Buyer {
  readonly gateway: Gateway;
  readonly ledger: Ledger;
}

async function buyer(
  peers: readonly FakeOrchestrator[],
  given: {
    readonly options?: Partial<GatewayOptions>;
    readonly ports?: Partial<GatewayPorts>;
    readonly rounds?: Rounds;
    readonly funds?: { readonly deposit: bigint; readonly reserve: bigint };
  } = {},
): Promise<Buyer> {
  const funds = given.funds ?? { deposit: ETHER, reserve: ETHER };
  chain.fund(SENDER, funds);
  const store = new MemoryPaymentStore();
  const ledger = new Ledger({ store, clock, log });
  await ledger.start();
  const rounds = given.rounds ?? chain;
  const sender = new Sender(
    { maxTicketValue: wei(3n * VALUE), maxTotalValue: wei(100n * VALUE), depositMultiplier: 1n },
    {
      rounds,
      senders: chain.sendersFor(SENDER),
      signer: { address: SENDER, sign: async (hashes) => hashes.map((hash) => rawSign(KEY, hash)) },
      store,
      clock,
    },
  );
  const payer = new LocalPayer({ signer: keySigner(KEY), sender, ledger, rounds, clock });
  const gateway = new Gateway(
    {
      version: "1.2.3",
      listen: { host: "127.0.0.1", port: 0 },
      orchestrators: { kind: "list", addresses: peers.map(({ uri }) => uri) },
      defaults: { "text-to-image": { model: MODEL, fields: { width: 64, height: 64, num_inference_steps: 2 } } },
      stopGrace: ms(1),
      queueLength: 1000,
      ...given.options,
    },
    {
      clock,
      randomness: seededRandomness(7),
      log,
      payer,
      onJob: (story) => stories.push(story),
      ...given.ports,
    },
  );
  await gateway.start();
  started.push({
    stop: async () => {
      const stopped = gateway.stop();
      await turn();
      await clock.advance(seconds(1));
      await stopped;
      await ledger.stop();
    },
  });
  await until(() => gateway.network.orchestrators.length === peers.length);
  return { gateway, ledger };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}

function post({ gateway }: Pick<Buyer, "gateway">) {
  return fetch(`${gateway.address.url}/text-to-image`, {
    method: "POST",
    body: JSON.stringify({ prompt: "x", seed: 1 }),
    headers: { "content-type": "application/json" },
  });
}

/** Reads a stream to its end; its trailers. */
function streamed({ gateway }: Buyer, body: unknown, onEvent = () => {}): Promise<NodeJS.Dict<string>> {
  return new Promise((resolve, reject) => {
    const sent = request(`${gateway.address.url}/llm`, {
      method: "POST",
      headers: { "content-type": "application/json" },
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      response.on("data", onEvent);
      response.on("end", () => resolve(response.trailers));
    });
    sent.end(JSON.stringify(body));
  });
}

async function errorOf(response: Response) {
  const body = (await response.json()) as { error: { code: ErrorCode; facts: { reason?: string } } };
  return body.error;
}

const paymentIn = ({ headers }: FakeJob) => decodePayment(String(headers[PAYMENT_HEADER]));
const suspensions = ({ gateway }: Buyer) =>
  gateway.network.orchestrators.flatMap(({ models }) => models.flatMap(({ suspension }) => suspension ?? []));
const priced = (to: Buyer, price: Rational) =>
  until(() => to.gateway.network.orchestrators[0]?.models[0]?.price?.wei_per_unit === `${price}`);
const cost = (price: Rational, jobs: bigint) => price.times(UNITS * jobs);

/** What a gateway sees whose chain stands still while it goes on elsewhere. */
function standingStill(): Rounds {
  const block: L1BlockNumber = l1BlockNumber(chain.l1Block);
  return {
    l1Block: block,
    lastInitializedRound: chain.lastInitializedRound,
    currentRound: chain.currentRound,
    creation: chain.creation,
    poolSize: chain.poolSize,
    onBlock: () => ({ [Symbol.dispose]() {} }),
    onRound: () => ({ [Symbol.dispose]() {} }),
  };
}

describe("a job", () => {
  test("is paid with tickets that the recipient takes, and everybody is told what it cost", async () => {
    const peer = await seller(1);
    const to = await buyer([peer]);
    const response = await post(to);
    expect(response.status).toBe(200);
    const fee = cost(PRICE, 1n);
    expect(chargeOf(Object.fromEntries(response.headers))).toEqual({ units: UNITS, price: PRICE, cost: fee });
    expect(stories[0]?.payment).toEqual({
      price: PRICE,
      units: UNITS,
      fee,
      tickets: 1,
      expectedValue: peer.till.accepted[0]?.credited,
    });
    expect(peer.jobs[0]?.headers["x-rivulet"]).toBe("1.2.3");
    const id = `${ACCOUNT} ${peer.uri}`;
    const left = peer.till.balance(SENDER, ACCOUNT);
    expect(to.ledger.balance({ side: "payer", peer: peer.till.recipient.address, id })).toEqual(left);
  });

  test("is paid from credit where that suffices, and the payment then has no tickets", async () => {
    const peer = await seller(1);
    const to = await buyer([peer]);
    for (let i = 0; i < 3; i += 1) expect((await post(to)).status).toBe(200);
    expect(peer.jobs.map((job) => paymentIn(job).tickets?.signed.length ?? 0)).toEqual([1, 1, 0]);
    expect(stories.map(({ payment }) => payment?.tickets)).toEqual([1, 1, 0]);
    expect(paymentIn(peer.jobs[2] as FakeJob)).toMatchObject({ sender: SENDER, expectedPrice: PRICE });
  });

  test("that failed at the orchestrator costs nothing: the credit is there for the next one", async () => {
    const peer = await seller(1);
    const to = await buyer([peer], { options: { maxAttempts: 1 } });
    const { onJob } = peer;
    peer.onJob = (job) =>
      peer.till.sell(job, UNITS, () => {
        throw new RivuletError("request.rejected-by-model", { reason: "no" });
      });
    expect((await post(to)).status).toBe(400);
    peer.onJob = onJob;
    expect((await post(to)).status).toBe(200);
    const [first, second] = peer.jobs.map(paymentIn);
    expect(first?.tickets?.signed).toHaveLength(1);
    expect(second?.tickets?.signed.length ?? 0).toBe(0);
  });

  test("that ends because the gateway stops counts as done: perhaps it is", async () => {
    const peer = await seller(1);
    const to = await buyer([peer]);
    const begun = Promise.withResolvers<void>();
    peer.onJob = (job) => peer.till.sell(job, UNITS, () => begun.resolve());
    const answered = post(to);
    await begun.promise;
    const stopped = to.gateway.stop();
    await turn();
    await clock.advance(seconds(1));
    await stopped;
    expect((await answered).status).toBe(503);
    const id = `${ACCOUNT} ${peer.uri}`;
    const left = to.ledger.balance({ side: "payer", peer: peer.till.recipient.address, id });
    expect(left).toEqual(peer.till.accepted[0]?.credited.minus(cost(PRICE, 1n)));
  });

  test("is paid anew when the orchestrator has forgotten the credit", async () => {
    const peer = await seller(1, Rational.of(10n ** 7n));
    const to = await buyer([peer]);
    for (let i = 0; i < 2; i += 1) expect((await post(to)).status).toBe(200);
    const account = { side: "payee", peer: SENDER, id: ACCOUNT } as const;
    await peer.till.ledger.change({ key: account, expired: peer.till.balance(SENDER, ACCOUNT) });
    for (let i = 0; i < 30; i += 1) expect((await post(to)).status).toBe(200);
    expect(suspensions(to)).toEqual([]);
  });
});

describe("a stream", () => {
  const chunk = (text: string, finish: string | null) =>
    `data: ${JSON.stringify({
      id: "1",
      model: MODEL,
      created: 1,
      choices: [{ index: 0, delta: { role: "assistant", content: text }, finish_reason: finish }],
    })}\n\n`;

  const llm = { model: MODEL, stream: true, max_tokens: 100, messages: [{ role: "user", content: "x" }] };

  test("is charged for the tokens it had, as its last word says, and the application hears it too", async () => {
    const peer = await seller(1, Rational.of(10n ** 10n));
    peer.models = [{ capability: 33, model: MODEL }];
    const used = 7n;
    peer.onJob = (job) =>
      peer.till.sell(job, used, (charge) => {
        const { response } = job;
        const trailer = Object.keys(charge).join(", ");
        response.writeHead(200, { "content-type": "text/event-stream", trailer });
        response.write(chunk("a", null));
        response.write(chunk("b", "stop"));
        response.addTrailers(charge);
        response.end();
      });
    const to = await buyer([peer]);
    const trailers = await streamed(to, llm);
    expect(chargeOf(trailers)).toEqual({ units: used, price: peer.till.price, cost: peer.till.price.times(used) });
    const account = { side: "payer", peer: peer.till.recipient.address, id: `33_${MODEL} ${peer.uri}` } as const;
    expect(to.ledger.balance(account)).toEqual(peer.till.balance(SENDER, `33_${MODEL}`));
    expect(stories[0]?.payment?.units).toBe(100n);
  });

  test("that is asked for in HTTP/1.0, which has no trailers, is answered all the same", async () => {
    const peer = await seller(1, Rational.of(10n ** 10n));
    peer.models = [{ capability: 33, model: MODEL }];
    peer.onJob = (job) =>
      peer.till.sell(job, 1n, (charge) => {
        job.response.writeHead(200, { "content-type": "text/event-stream", ...charge });
        job.response.end(chunk("b", "stop"));
      });
    const { gateway } = await buyer([peer]);
    const body = JSON.stringify(llm);
    const socket = connect(gateway.address.port, gateway.address.host);
    socket.write(
      `POST /llm HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const answer = await text(socket);
    expect(answer).toContain("200 OK");
    expect(answer).toContain(`x-cost-wei: ${100n * 10n ** 10n}`);
    expect(answer).toContain(chunk("b", "stop"));
  });

  test("whose end does not come is ended, and charged as agreed", async () => {
    const peer = await seller(1);
    peer.models = [{ capability: 33, model: MODEL }];
    peer.onJob = ({ response }) => {
      response.writeHead(200, { "content-type": "text/event-stream", trailer: "x-units" });
      response.write(chunk("b", "stop"));
    };
    const to = await buyer([peer]);
    let hasBegun = false;
    const ending = streamed(to, llm, () => {
      hasBegun = true;
    });
    await until(() => hasBegun);
    await clock.advance(seconds(2));
    expect(chargeOf(await ending)).toEqual({ units: 100n, price: PRICE, cost: PRICE.times(100n) });
  });
});

/** Refuses a job as one of our own orchestrators does. */
function tell({ response }: FakeJob, code: ErrorCode): void {
  response.writeHead(402, { "content-type": "application/json" });
  response.end(JSON.stringify({ error: { code, facts: { pipeline: "text-to-image", model: MODEL } } }));
}

describe("a refusal of the payment", () => {
  test.each([
    ["payment.nonce-reused", false],
    ["payment.ticket-invalid", true],
    ["payment.recipient-inactive", true],
    ["payment.sender-unlocking", true],
    ["capacity.exhausted", false],
  ] as const)("%s sends the job elsewhere; the orchestrator is suspended: %s", async (code, isSuspended) => {
    const [first, second] = [await seller(1), await seller(2)];
    const to = await buyer([first, second]);
    const refusing = stories.length;
    for (const peer of [first, second]) {
      const { onJob } = peer;
      peer.onJob = (job) => {
        if (first.jobs.length + second.jobs.length > 1) return onJob(job);
        tell(job, code);
      };
    }
    expect((await post(to)).status).toBe(200);
    expect(stories[refusing]?.attempts).toHaveLength(2);
    expect(suspensions(to)).toHaveLength(isSuspended ? 1 : 0);
    const payer = { side: "payer", id: `${ACCOUNT} ${first.uri}`, peer: first.till.recipient.address } as const;
    expect(to.ledger.balance(payer)?.compare(Rational.ZERO) ?? 0).toBeGreaterThanOrEqual(0);
  });

  test.each(["payment.params-unknown", "payment.price-too-low", "payment.nonces-exhausted"] as const)(
    "%s is settled by fresh terms, at the same orchestrator",
    async (code) => {
      const peer = await seller(1);
      const to = await buyer([peer]);
      const { asked } = peer;
      const { onJob } = peer;
      peer.onJob = (job) => {
        if (peer.jobs.length > 1) return onJob(job);
        tell(job, code);
      };
      expect((await post(to)).status).toBe(200);
      expect(peer.asked).toBe(asked + 2);
      expect(suspensions(to)).toEqual([]);
    },
  );
});

describe("many jobs at once", () => {
  test("of one sender have tickets with nonces of their own, and each is paid for", async () => {
    const peer = await seller(1, Rational.of(10n ** 9n), 200);
    const to = await buyer([peer]);
    const answers = await Promise.all(Array.from({ length: 200 }, () => post(to)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const nonces = peer.jobs.flatMap((job) => {
      const { tickets } = paymentIn(job);
      const hash = Buffer.from(tickets?.params.recipientRandHash ?? []).toString("hex");
      return (tickets?.signed ?? []).map(({ senderNonce }) => `${hash} ${senderNonce}`);
    });
    expect(nonces.length).toBeGreaterThan(600);
    expect(new Set(nonces).size).toBe(nonces.length);
    expect(suspensions(to)).toEqual([]);
    const fees = stories.reduce((sum, { payment }) => sum.plus(payment?.fee ?? Rational.ZERO), Rational.ZERO);
    expect(fees).toEqual(cost(Rational.of(10n ** 9n), 200n));
    const credited = peer.till.accepted.reduce((sum, each) => sum.plus(each.credited), Rational.ZERO);
    expect(credited.minus(fees)).toEqual(peer.till.balance(SENDER, ACCOUNT));
  });
});

describe("ticket parameters", () => {
  test("that expired on the way are fetched once for all jobs, at the same orchestrator, and nobody is suspended", async () => {
    const peer = await seller(1, PRICE, 20);
    const to = await buyer([peer], { rounds: standingStill() });
    const { asked } = peer;
    chain.mine(41n);
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(to)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(peer.asked - asked).toBe(2);
    expect(suspensions(to)).toEqual([]);
    expect(
      stories
        .flatMap(({ attempts }) => attempts.map(({ outcome }) => outcome))
        .sort()
        .at(-1),
    ).toBe("payment.params-expired");
  });

  test("that have expired as they come are asked for until an orchestrator alone has caught up with the chain", async () => {
    const behind = new MemoryChain({ roundLength: 10_000n });
    behind.fund(SENDER, { deposit: ETHER, reserve: ETHER });
    const peer = await seller(1, PRICE, 1, behind);
    const to = await buyer([peer]);
    chain.mine(41n);
    const answer = post(to);
    for (const pause of [500, 1000, 2000]) {
      await until(() => clock.waits.includes(ms(pause)));
      if (pause === 2000) behind.mine(41n);
      await clock.advance(ms(pause));
    }
    expect((await answer).status).toBe(200);
    expect(suspensions(to)).toEqual([]);
  });

  test("that have expired as they come send a job to somebody who sees the chain as we do", async () => {
    const behind = new MemoryChain({ roundLength: 10_000n });
    behind.fund(SENDER, { deposit: ETHER, reserve: ETHER });
    const [late, other] = [await seller(1, PRICE, 1, behind), await seller(2)];
    const to = await buyer([late, other]);
    chain.mine(41n);
    for (let i = 0; i < 3; i += 1) expect((await post(to)).status).toBe(200);
    expect(late.jobs).toHaveLength(0);
  });

  test("hold while an orchestrator cannot tell new ones, and no longer than they last", async () => {
    const peer = await seller(1);
    const to = await buyer([peer]);
    const redeemerIsAway = async () => Promise.reject(new RivuletError("chain.unavailable", {}));
    Object.assign(peer.till.recipient, { issue: redeemerIsAway });
    const { asked } = peer;
    chain.mine(20n);
    await until(() => peer.asked > asked);
    for (let i = 0; i < 3; i += 1) expect((await post(to)).status).toBe(200);
    chain.mine(20n);
    expect((await errorOf(await post(to))).code).toBe("peer.unreachable");
  });

  test("are renewed in the middle of their life, before a job asks", async () => {
    const peer = await seller(1);
    const to = await buyer([peer]);
    const { asked } = peer;
    peer.till.price = PRICE.times(2n);
    chain.mine(19n);
    await turn();
    expect(peer.asked).toBe(asked);
    chain.mine(1n);
    await priced(to, PRICE.times(2n));
    expect(peer.asked).toBe(asked + 2);
    chain.mine(25n);
    expect((await post(to)).status).toBe(200);
    expect(stories[0]?.attempts.map(({ outcome }) => outcome)).toEqual(["answered"]);
  });
});

describe("a price", () => {
  const limits = { maxPrice: () => PRICE };

  test("above the maximum is not paid: another orchestrator gets the job, and with no other the application is told", async () => {
    const dear = await seller(1, PRICE.times(3n));
    const fair = await seller(2);
    const to = await buyer([dear, fair], { ports: { limits } });
    for (let i = 0; i < 3; i += 1) expect((await post(to)).status).toBe(200);
    expect(dear.jobs).toHaveLength(0);
    const alone = await buyer([dear], { ports: { limits } });
    const response = await post(alone);
    expect(response.status).toBe(503);
    expect((await errorOf(response)).code).toBe("price.above-maximum");
    expect(dear.jobs).toHaveLength(0);
  });

  test("that rises above the maximum in the middle of a session is not paid either", async () => {
    const peer = await seller(1);
    const to = await buyer([peer], { ports: { limits } });
    expect((await post(to)).status).toBe(200);
    peer.till.price = PRICE.times(2n);
    chain.mine(20n);
    await priced(to, PRICE.times(2n));
    expect((await errorOf(await post(to))).code).toBe("price.above-maximum");
    expect(peer.jobs).toHaveLength(1);
  });

  test("that more than doubles while jobs are being paid is refused", async () => {
    const peer = await seller(1);
    const to = await buyer([peer]);
    expect((await post(to)).status).toBe(200);
    peer.till.price = PRICE.times(3n);
    chain.mine(20n);
    await priced(to, PRICE.times(3n));
    expect((await errorOf(await post(to))).code).toBe("payment.price-increased");
    expect(peer.jobs).toHaveLength(1);
  });
});

describe("a pool on the chain", () => {
  const poolOf = (...sellers: readonly (readonly [Seller, bigint, string?])[]): OrchestratorPool => ({
    round: chain.currentRound,
    orchestrators: async () =>
      sellers.map(([peer, stake, at]) => ({
        address: peer.till.recipient.address,
        serviceUri: at ?? peer.uri,
        activationRound: 0n,
        deactivationRound: 2n ** 256n - 1n,
        stake,
      })),
    onChanged: () => ({ [Symbol.dispose]() {} }),
  });
  const drawn = { orchestrators: { kind: "pool" } } as const;

  test("says who is there and whose stake counts how much; the choice and its draw are in the story", async () => {
    const [big, small, nowhere] = [await seller(1), await seller(2), await seller(3)];
    const pool = poolOf([big, 9n * ETHER], [small, ETHER], [nowhere, ETHER, ""]);
    const to = await buyer([big, small], { options: drawn, ports: { pool } });
    for (let i = 0; i < 10; i += 1) expect((await post(to)).status).toBe(200);
    expect(nowhere.asked).toBe(0);
    const [view] = to.gateway.network.orchestrators.flatMap(({ models }) => models);
    expect(view).toMatchObject({ stake: `${9n * ETHER}`, objection: null });
    expect(stories[0]?.considered.map(({ stake }) => stake).sort()).toEqual([`${ETHER}`, `${9n * ETHER}`]);
    const { draw } = stories[0]?.attempts[0] ?? {};
    expect(draw?.chances.reduce((sum, { chance }) => sum + chance, 0)).toBeCloseTo(1, 9);
    expect(big.jobs.length).toBeGreaterThan(0);
    expect(small.jobs.length).toBeGreaterThan(0);
  });

  test("with a list beside it stakes count all the same", async () => {
    const peer = await seller(1);
    const to = await buyer([peer], { ports: { pool: poolOf([peer, 5n]) } });
    expect(to.gateway.network.orchestrators[0]?.models[0]?.stake).toBe("5");
  });

  test("names who must answer at each place: somebody else there gets no work", async () => {
    const [stranger, named] = [await seller(1), await seller(2)];
    const pool = poolOf([named, 1n, stranger.uri]);
    const { gateway } = await buyer([], { options: drawn, ports: { pool } });
    await until(() => gateway.network.unused.length === 1);
    expect(gateway.network.unused).toEqual([{ uri: stranger.uri, reason: "not-who-registered" }]);
  });

  test("is explained for one request, and what it would cost is told without anybody doing it", async () => {
    const [fair, dear] = [await seller(1), await seller(2, PRICE.times(10n))];
    const limits = { maxPrice: () => PRICE.times(2n) };
    const pool = poolOf([fair, 3n], [dear, 7n]);
    const { gateway } = await buyer([fair, dear], { options: drawn, ports: { pool, limits } });
    const asked = await fetch(`${gateway.address.url}/network/explain?pipeline=text-to-image&model=${MODEL}`);
    expect(await asked.json()).toMatchObject({
      pipeline: "text-to-image",
      units: null,
      max_price: `${PRICE.times(2n)}`,
      orchestrators: [
        { orchestrator: fair.uri, stake: "3", price: `${PRICE}`, chance: expect.closeTo(1, 9), ruled_out: null },
        { orchestrator: dear.uri, stake: "7", chance: null, ruled_out: { code: "price.above-maximum" } },
      ],
    });
    const estimate = await fetch(`${gateway.address.url}/network/estimate?pipeline=text-to-image`, {
      method: "POST",
      body: JSON.stringify({ prompt: "x", num_images_per_prompt: 2 }),
    });
    expect(await estimate.json()).toMatchObject({
      units: `${2n * UNITS}`,
      orchestrators: [{ fee: `${cost(PRICE, 2n)}` }, { fee: `${cost(PRICE, 20n)}` }],
    });
    expect((await fetch(`${gateway.address.url}/network/explain?pipeline=no`)).status).toBe(422);
    expect(fair.jobs.length + dear.jobs.length).toBe(0);
  });
});

describe("a sender", () => {
  const unlocked = () => {
    chain.unlock(SENDER);
    chain.mine(10n);
    chain.withdraw(SENDER);
  };

  beforeEach(() => {
    chain = new MemoryChain({ roundLength: 5n });
  });

  test.each([
    ["without deposit", { deposit: 0n, reserve: ETHER }],
    ["without reserve", { deposit: ETHER, reserve: 0n }],
  ])("%s is told what to do, and no orchestrator suffers for it", async (_name, funds) => {
    const peer = await seller(1);
    const to = await buyer([peer]);
    unlocked();
    chain.fund(SENDER, funds);
    const error = await errorOf(await post(to));
    expect(error.code).toBe("payment.sender-unfunded");
    expect(error.facts.reason).toContain(SENDER);
    expect(error.facts.reason).toContain("rivulet deposit");
    expect(peer.jobs).toHaveLength(0);
    expect(suspensions(to)).toEqual([]);
  });

  test("whom no orchestrator gives terms, as its account is empty, is told so", async () => {
    const peer = await seller(1);
    const to = await buyer([peer]);
    unlocked();
    await to.gateway.stop();
    const { gateway } = await buyer([], { funds: { deposit: 0n, reserve: 0n } });
    expect((await errorOf(await post({ gateway }))).code).toBe("payment.sender-unfunded");
  });

  test("who is unlocking is told so", async () => {
    const peer = await seller(1);
    const to = await buyer([peer]);
    chain.unlock(SENDER);
    chain.mine(5n);
    expect((await errorOf(await post(to))).code).toBe("payment.sender-unlocking");
    expect(peer.jobs).toHaveLength(0);
  });
});
