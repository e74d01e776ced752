import { once } from "node:events";
import { request } from "node:http";
import { MemoryExecutor } from "@rivulet/orchestrator";
import { balanceOf } from "@rivulet/payments";
import { batchPipelines, llm, type Pipeline } from "@rivulet/pipelines";
import { Rational } from "@rivulet/primitives";
import { type Charge, chargeOf } from "@rivulet/wire";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { exampleRequest, WRITTEN, work } from "./example-work.ts";
import { MODEL, PaidNetwork, type Prices } from "./paid-network.ts";

const JOBS = 10;
/** Of each model. Fewer than there are jobs: the others wait, and find what is left of the credit of those before them. */
const SLOTS = 4;

/** What a unit costs: fractions of a wei, and jobs from less than one ticket to a few. */
const prices: Prices = {
  "text-to-image": Rational.of(33_378_601n, 7n),
  "image-to-image": Rational.of(5_100_001n, 3n),
  "image-to-video": Rational.of(200_001n, 11n),
  upscale: Rational.of(4_768_371n, 13n),
  "audio-to-text": Rational.of(12_882_811n, 10n),
  "segment-anything-2": Rational.of(10n, 3n),
  llm: Rational.of(1_000_000_000_001n, 7n),
  "image-to-text": Rational.of(1_000n, 3n),
  "text-to-speech": Rational.of(600_001n, 17n),
};

let network: PaidNetwork;
/** Before the work of each job. */
let waiting: (signal: AbortSignal) => Promise<void>;

beforeEach(async () => {
  waiting = async () => {};
  const models = batchPipelines.map((pipeline) => ({ pipeline, model: MODEL, slots: SLOTS }));
  const executor = new MemoryExecutor(models, async (job, signal) => {
    await waiting(signal);
    return await work(job);
  });
  network = await PaidNetwork.open(prices, executor);
});

afterEach(async () => {
  await network[Symbol.asyncDispose]();
  expect(network.errors).toEqual([]);
});

describe("ten jobs at once", () => {
  test.each(batchPipelines)("of $name leave both ledgers equal to the fraction of a wei", async (pipeline) => {
    const charges = await tenOf(() => ask(pipeline));
    await expectBooked([pipeline], charges);
    if (pipeline === llm) expect(charges.map(({ units }) => units)).toEqual(Array(JOBS).fill(WRITTEN));
  });

  test("of llm as streams are charged for what was written", async () => {
    const charges = await tenOf(() => askForStream());
    expect(charges.map(({ units }) => units)).toEqual(Array(JOBS).fill(WRITTEN));
    await expectBooked([llm], charges);
  });

  test("of every pipeline, again and again, are paid from one deposit and from what was left", async () => {
    const charges: Charge[] = [];
    for (let wave = 0; wave < 3; wave += 1)
      charges.push(...(await Promise.all(batchPipelines.map((each) => tenOf(() => ask(each))))).flat());
    await expectBooked(batchPipelines, charges);
    expect(network.stories.some(({ payment }) => payment?.tickets === 0)).toBe(true);
  });

  test("after others that were left in the middle find more credit than the gateway counts on", async () => {
    const leaving = new AbortController();
    const calledOff: Promise<void>[] = [];
    waiting = async (signal) => {
      calledOff.push(once(signal, "abort").then(() => {}));
      if (calledOff.length === SLOTS) leaving.abort();
      await calledOff.at(-1);
      signal.throwIfAborted();
    };
    const { signal } = leaving;
    const left = Array.from({ length: SLOTS }, () => fetch(`${network.url}/llm`, { ...exampleRequest(llm), signal }));
    for (const { status } of await Promise.allSettled(left)) expect(status).toBe("rejected");
    await Promise.all(calledOff);
    waiting = async () => {};
    const charges = await tenOf(() => ask(llm));
    const { payer, payee } = await network.totals();
    expect(payer?.credited).toEqual(payee?.credited);
    const cost = charges.reduce((sum, each) => sum.plus(each.cost), Rational.ZERO);
    expect(payee?.debited).toEqual(cost);
    expect(payer?.debited).toEqual(cost.plus(charges[0]?.price.times(8n * BigInt(SLOTS)) ?? cost));
  });
});

function tenOf<T>(one: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: JOBS }, one));
}

async function ask(pipeline: Pipeline): Promise<Charge> {
  const response = await fetch(`${network.url}/${pipeline.name}`, exampleRequest(pipeline));
  const body = await response.text();
  expect(response.status, body).toBe(200);
  return charged(Object.fromEntries(response.headers));
}

function charged(headers: NodeJS.Dict<string>): Charge {
  const charge = chargeOf(headers);
  if (charge === undefined) throw new Error("the answer does not say what it cost");
  return charge;
}

/** What applications were told is what either side booked, and what is left is the same on both. */
async function expectBooked(pipelines: readonly Pipeline[], charges: readonly Charge[]): Promise<void> {
  const cost = charges.reduce((sum, each) => sum.plus(each.cost), Rational.ZERO);
  expect(cost.numerator).toBeGreaterThan(0n);
  const { payer, payee } = await network.totals();
  expect(payer?.debited).toEqual(cost);
  expect(payee?.debited).toEqual(cost);
  expect(payer?.credited).toEqual(payee?.credited);
  expect(payer?.tickets).toBe(payee?.tickets);
  let left = Rational.ZERO;
  for (const pipeline of pipelines) {
    const balances = network.balances(pipeline);
    expect(balances.payer).toEqual(balances.payee);
    left = left.plus(balances.payee ?? Rational.ZERO);
  }
  expect(payee && balanceOf(payee)).toEqual(left);
}

/** Reads a stream of the language model to its end; what its trailers say. */
function askForStream(): Promise<Charge> {
  return new Promise((resolve, reject) => {
    const { method, headers, body } = exampleRequest(llm, { stream: true });
    const sent = request(`${network.url}/llm`, { method, headers: { ...headers } as Record<string, string> });
    sent.on("error", reject);
    sent.on("response", (response) => {
      response.resume();
      response.on("end", () => resolve(charged(response.trailers)));
    });
    sent.end(body);
  });
}
