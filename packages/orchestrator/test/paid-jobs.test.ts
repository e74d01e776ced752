import { once } from "node:events";
import { batchPipelines, llm, textToImage, textToSpeech } from "@rivulet/pipelines";
import { Rational, RivuletError, seconds } from "@rivulet/primitives";
import { answersWell, crashes, Gate, OlderGateway, turn, wanting } from "@rivulet/testkit";
import { encodePayment, NO_CAPABILITIES, type Payment } from "@rivulet/wire";
import { request } from "undici";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MemoryExecutor } from "../src/executors/memory.ts";
import { exampleJob, keyOf, PaidWorld, RECIPIENT, row, usualRows } from "./paid-world.ts";

let world: PaidWorld;
beforeEach(async () => {
  world = await PaidWorld.open(usualRows, 256);
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

describe("a gateway of the older software", () => {
  test.each(batchPipelines)("is served ten $name jobs at once, and its accounts are in order", async (pipeline) => {
    const gateway = world.gateway("gateway");
    const job = exampleJob(pipeline);
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => gateway.job(job)));
    expect(outcomes.map(({ status, text }) => `${status} ${status === 200 ? "" : text}`)).toEqual(
      Array(10).fill("200 "),
    );
    const balance = world.balance(gateway, pipeline);
    if (pipeline === textToSpeech) {
      expect(balance.compare(gateway.credit)).toBeLessThan(0);
      return;
    }
    expect(balance).toEqual(gateway.credit);
    const [totals] = await world.ledger.totals();
    expect(totals?.debited).toEqual(outcomes.reduce((sum, { fee }) => sum.plus(fee), Rational.ZERO));
  });

  test("is served job after job from one balance, with a ticket when it runs low", async () => {
    const gateway = world.gateway("gateway");
    const job = exampleJob(textToImage);
    for (let count = 0; count < 5; count += 1) {
      const { status } = await gateway.job(job);
      expect(status).toBe(200);
      expect(world.balance(gateway, textToImage)).toEqual(gateway.credit);
    }
    expect(gateway.asked).toBe(1);
    expect(gateway.payments.map(({ tickets }) => tickets?.signed.length ?? 0)).toEqual([2, 1, 1, 2, 1]);
  });

  test("whose parameters expired on the way comes back after one refresh, and is not shunned", async () => {
    const gateway = world.gateway("gateway");
    const job = exampleJob(textToImage);
    await gateway.job(job);
    world.chain.mine(40n);
    // It has not seen the last block yet when it sends, and has when it is refused.
    world.lag = 2n;
    gateway.tamper = (payment) => {
      world.lag = 0n;
      return payment;
    };
    const { status, tries, isSuspended } = await gateway.job(job);
    expect({ status, tries, isSuspended, asked: gateway.asked }).toEqual({
      status: 200,
      tries: 2,
      isSuspended: false,
      asked: 2,
    });
  });

  test("pays what it was told when the price changes in the middle, up or down", async () => {
    const gateway = world.gateway("gateway");
    const job = exampleJob(textToImage);
    const before = (await gateway.job(job)).fee;
    for (const weiPerUnit of [9_000_000n, 1_000_000n]) {
      world.prices.set([row(27, weiPerUnit)]);
      const { status, fee } = await gateway.job(job);
      expect([status, fee]).toEqual([200, before]);
      expect(world.balance(gateway, textToImage)).toEqual(gateway.credit);
    }
  });

  test("without funds is told so when it asks", async () => {
    const gateway = world.gateway("poor", { deposit: 0n, reserve: 0n });
    const asked = gateway.ask(wanting({ capability: 27, model: "m" }));
    await expect(asked).rejects.toThrow(/insufficient sender reserve/);
  });

  test("is not charged for a job that failed", async () => {
    const gateway = world.gateway("gateway");
    world.node.runner.behave(crashes);
    const { status, tickets } = await gateway.job(exampleJob(textToImage));
    expect(status).toBe(500);
    expect(tickets).toBeGreaterThan(0);
    const [totals] = await world.ledger.totals();
    expect(totals?.debited).toEqual(Rational.ZERO);
    expect(totals?.tickets).toBe(BigInt(tickets));
  });

  test("that says it pays and signs for somebody else is not believed", async () => {
    const gateway = world.gateway("gateway");
    const victim = world.gateway("victim");
    gateway.tamper = (payment) => ({ ...payment, sender: victim.address });
    const { status, text } = await gateway.job(exampleJob(textToImage));
    expect([status, text]).toEqual([403, "ErrSegSig\n"]);
  });
});

describe("discovery", () => {
  test("tells price, parameters and whom to pay; all prices to those who ask about everything", async () => {
    const gateway = world.gateway("gateway");
    const { info, params, price } = await gateway.ask(wanting({ capability: 27, model: "m" }));
    expect(info.address).toBe(RECIPIENT);
    expect(params).toMatchObject({ recipient: RECIPIENT, expirationBlock: world.chain.l1Block + 40n });
    // One part in a hundred for redeeming.
    expect(price).toEqual(Rational.of(4_768_371n * 101n, 100n));
    expect(info.prices).toEqual([]);
  });

  test("of somebody who did not sign is refused", async () => {
    await expect(world.node.info()).rejects.toThrow(/orchestrator req sig check failed/);
  });

  test("tells nothing to a gateway that is not wanted, and another its own base price, at which no model is sold", async () => {
    const own = Rational.of(7n);
    const unwanted = world.gateway("unwanted").address;
    const gateways = {
      admit: async (gateway: string) => {
        if (gateway === unwanted) throw new RivuletError("auth.rejected", { reason: "not wanted" });
      },
      basePriceOf: () => own,
    };
    await using guarded = await PaidWorld.open(usualRows, 16, [], gateways);
    await expect(guarded.gateway("unwanted").ask(NO_CAPABILITIES)).rejects.toThrow(/not wanted/);
    const gateway = guarded.gateway("gateway");
    expect((await gateway.ask(NO_CAPABILITIES)).price).toEqual(own.times(Rational.of(101n, 100n)));
    const { price } = await gateway.ask(wanting({ capability: 27, model: "m" }));
    expect(price).toEqual(Rational.of(4_768_371n * 101n, 100n));
  });

  test("offers only what has a price, follows prices, and never sells at the base price", async () => {
    const gateway = world.gateway("gateway");
    const offered = async () => {
      const capabilities = wanting({ capability: 27, model: "m" });
      return [...((await gateway.ask(capabilities)).info.capabilities?.models.keys() ?? [])];
    };
    expect(await offered()).toHaveLength(9);
    world.prices.set([row(27, 5n), row(33, 0n)]);
    expect(await offered()).toEqual([27, 33]);
    const job = exampleJob(textToSpeech);
    await expect(gateway.job(job)).rejects.toThrow("missing orchestrator price");
  });
});

/** A text-to-image job with this payment, after the gateway has asked for parameters. */
async function paying(change: (payment: Payment) => Payment, gateway: OlderGateway = world.gateway("gateway")) {
  gateway.tamper = change;
  const { status, text } = await gateway.job(exampleJob(textToImage));
  return `${status} ${text.trimEnd()}`;
}

describe("a payment", () => {
  const withTickets = (payment: Payment, change: (tickets: NonNullable<Payment["tickets"]>) => object): Payment =>
    payment.tickets === undefined
      ? payment
      : { ...payment, tickets: { ...payment.tickets, ...change(payment.tickets) } };

  test("of nothing is refused while the price is something", async () => {
    const free = { expectedPrice: Rational.ZERO };
    expect(await paying(({ sender }) => ({ sender, ...free }))).toMatch(/^400 expected price too low/);
    expect(await paying(({ sender }) => ({ sender }))).toMatch(/^400 invalid expected price.*is nil/);
  });

  test("without tickets and without a balance is refused", async () => {
    const refused = await paying(({ tickets: _, ...payment }) => payment);
    expect(refused).toBe("400 Insufficient balance");
  });

  test("of less than the fee is refused, and what it brought stays", async () => {
    const gateway = world.gateway("gateway");
    const short = (payment: Payment) => withTickets(payment, ({ signed }) => ({ signed: signed.slice(1) }));
    expect(await paying(short, gateway)).toBe("400 Insufficient balance");
    expect(world.balance(gateway, textToImage).floor()).toBe(10n ** 12n);
    // A second one is added to it.
    expect(await paying(short, gateway)).toMatch(/^200/);
  });

  test("below the price it was told is refused before its tickets are looked at", async () => {
    const gateway = world.gateway("gateway");
    const less = (payment: Payment) => ({ ...payment, expectedPrice: Rational.of(1n) });
    expect(await paying(less, gateway)).toMatch(/^400 expected price too low: TicketParams expired/);
    expect((await world.ledger.totals()).length).toBe(0);
  });

  test("above the price it was told is not one that we issued parameters for", async () => {
    const more = (payment: Payment) => ({ ...payment, expectedPrice: Rational.of(10n ** 9n) });
    expect(await paying(more)).toBe("400 invalid recipientRand for ticket recipientRandHash");
  });

  test.each<[string, (payment: Payment) => Payment, string]>([
    [
      "twice in one",
      (payment) => withTickets(payment, ({ signed }) => ({ signed: [...signed, ...signed] })),
      "invalid ticket senderNonce: already seen",
    ],
    [
      "forged",
      (payment) =>
        withTickets(payment, ({ signed }) => ({
          signed: signed.map(({ senderNonce, signature }) => ({ senderNonce: senderNonce + 7, signature })),
        })),
      "invalid ticket signature",
    ],
    [
      "with a higher face value",
      (payment) => withTickets(payment, ({ params }) => ({ params: { ...params, faceValue: 2n ** 256n - 1n } })),
      "invalid recipientRand for ticket recipientRandHash",
    ],
    [
      "with every field zero",
      (payment) =>
        withTickets(payment, ({ params }) => ({
          params: { ...params, faceValue: 0n, winProbability: 0n, seed: 0n, expirationBlock: 0n },
          expiration: { creationRound: 0n, creationRoundBlockHash: new Uint8Array() },
        })),
      "invalid recipientRand for ticket recipientRandHash",
    ],
    [
      "for somebody else",
      (payment) => withTickets(payment, ({ params }) => ({ params: { ...params, recipient: payment.sender } })),
      "invalid ticket recipient",
    ],
  ])("of tickets %s is refused in the words of the network", async (_what, change, text) => {
    const gateway = world.gateway("gateway");
    expect(await paying(change, gateway)).toBe(`400 ${text}`);
  });

  test("that is sent again is credited once, whatever its order", async () => {
    const gateway = world.gateway("gateway");
    const job = exampleJob(textToImage);
    await gateway.job(job);
    const [first] = gateway.payments;
    const again = await paying(
      (payment) =>
        first === undefined ? payment : withTickets(first, ({ signed }) => ({ signed: signed.toReversed() })),
      gateway,
    );
    expect(again).toBe("400 invalid ticket senderNonce: already seen");
    expect((await world.ledger.totals())[0]?.tickets).toBe(2n);
  });

  test("whose tickets come in another order is as good", async () => {
    const gateway = world.gateway("gateway");
    const reversed = await paying(
      (payment) => withTickets(payment, ({ signed }) => ({ signed: signed.toReversed() })),
      gateway,
    );
    expect(reversed).toMatch(/^200/);
  });

  test.each([
    // Fields 2 (sender) and 5 (price), the latter with units 0.
    ["a price per no units", Buffer.from(`1214${"11".repeat(20)}2a0408011000`, "hex").toString("base64")],
    // Field 1 without field 3.
    ["tickets without a round", Buffer.from(`0a021200${"1214"}${"11".repeat(20)}`, "hex").toString("base64")],
    ["no protobuf", Buffer.from("nonsense").toString("base64")],
    ["no base64", "!"],
  ])("of %s cannot be read", async (_what, header) => {
    const { status } = await world.node.ask("/text-to-image", {
      method: "POST",
      headers: { "content-type": "application/json", "livepeer-payment": header },
      body: JSON.stringify({ prompt: "p", model_id: "m" }),
    });
    expect(status).toBe(402);
  });

  test("with 600 tickets arrives", async () => {
    const gateway = world.gateway("gateway");
    const many = (payment: Payment) =>
      withTickets(payment, ({ params, expiration }) => ({
        signed: Array.from({ length: 600 }, (_, index) => gateway.sign({ ...params, expiration }, index + 1)),
      }));
    expect(await paying(many, gateway)).toMatch(/^200/);
    expect(encodePayment(gateway.payments[0] ?? { sender: gateway.address }).length).toBeGreaterThan(50_000);
    expect((await world.ledger.totals())[0]?.tickets).toBe(600n);
  });
});

describe("one balance", () => {
  test("is not spent twice by jobs at once", async () => {
    const gateway = world.gateway("gateway");
    const gate = new Gate();
    world.node.runner.behave(gate.before(answersWell));
    const first = gateway.job(exampleJob(textToImage));
    await world.node.runner.arrived(1);
    const { signed = [] } = gateway.payments[0]?.tickets ?? {};
    expect(signed).toHaveLength(2);
    // The fee of the first job is spoken for: what is left does not pay another one.
    expect(await paying(({ tickets: _, ...payment }) => payment, gateway)).toBe("400 Insufficient balance");
    gate.open();
    expect((await first).status).toBe(200);
    // Two tickets, one fee.
    const fee = Rational.of(4_768_371n * 101n * 512n * 512n, 100n);
    const [totals] = await world.ledger.totals();
    expect(totals?.debited).toEqual(fee);
  });
});

describe("a payment that waits for the chain", () => {
  test("is given up by a node that stops: its gateway is told so", async () => {
    const asked = Promise.withResolvers<void>();
    world.recipient.accept = async (_payment, _terms, signal) => {
      asked.resolve();
      await once(signal ?? never(), "abort");
      throw signal?.reason;
    };
    const job = world.gateway("gateway").job(exampleJob(textToImage));
    await asked.promise;
    const stopped = world.node.orchestrator.stop();
    await turn();
    await world.clock.advance(seconds(1));
    expect(await job).toMatchObject({ status: 503, tries: 1 });
    await stopped;
  });

  test("is taken also when its sender has left meanwhile, who believes so", async () => {
    const answers = Promise.withResolvers<void>();
    const taken = Promise.withResolvers<Awaited<ReturnType<typeof accept>>>();
    const accept = world.recipient.accept.bind(world.recipient);
    const leaving = new AbortController();
    world.recipient.accept = async (...all) => {
      leaving.abort();
      await answers.promise;
      taken.resolve(await accept(...all));
      return await taken.promise;
    };
    const gateway = new OlderGateway(keyOf("gateway"), {
      ask: (question) => world.node.discover(question),
      post: async (path, headers, body) => {
        const { signal } = leaving;
        await expect(world.node.ask(path, { method: "POST", headers, body, signal })).rejects.toThrow();
        return { status: 0, text: "" };
      },
      l1Block: () => world.chain.l1Block,
      now: () => world.clock.now(),
    });
    world.chain.fund(gateway.address, { deposit: 10n ** 18n, reserve: 10n ** 18n });
    const { tickets } = await gateway.job(exampleJob(textToImage));
    while (JSON.parse((await world.node.ask("/readyz")).text).jobs > 0) await turn();
    answers.resolve();
    expect((await taken.promise).tickets).toBe(tickets);
    while ((await free(27)) < 256) await turn();
    expect(world.balance(gateway, textToImage)).toEqual((await taken.promise).credited);
  });
});

/** Slots of a model that are not taken. */
async function free(capability: number): Promise<number> {
  const { info } = await world.gateway("anybody").ask(wanting({ capability, model: "m" }));
  return info.capabilities?.models.get(capability)?.get("m")?.capacity ?? 0;
}

describe("two hundred jobs at once", () => {
  const fee = Rational.of(4_768_371n * 101n * 512n * 512n, 100n);
  const withoutTickets = ({ tickets: _, ...payment }: Payment) => payment;

  /** All of them under way together, so that each sees what the others hold. */
  async function together(gateways: readonly OlderGateway[]) {
    const gate = new Gate();
    world.node.runner.behave(gate.before(answersWell));
    const jobs = Array.from({ length: 200 }, (_, index) =>
      gateways[index % gateways.length]?.job(exampleJob(textToImage)),
    );
    const refused = Promise.all(jobs.map(async (job) => (await job)?.text.trimEnd()));
    await world.node.runner.arrived(world.node.runner.jobs.length + 1);
    gate.open();
    return (await refused).map((text) => (text?.startsWith("{") === true ? "done" : text));
  }

  test("cannot overspend one balance", async () => {
    const gateway = world.gateway("gateway");
    const rich = (payment: Payment) =>
      payment.tickets === undefined
        ? payment
        : {
            ...payment,
            tickets: {
              ...payment.tickets,
              signed: Array.from({ length: 8 }, (_, index) =>
                gateway.sign(
                  { ...(payment.tickets?.params ?? never()), expiration: payment.tickets?.expiration ?? never() },
                  100 + index,
                ),
              ),
            },
          };
    expect(await paying(rich, gateway)).toMatch(/^200/);
    // Eight tickets less one fee pay for five more.
    const left = world.balance(gateway, textToImage);
    gateway.tamper = withoutTickets;
    const outcomes = await together([gateway]);
    expect(outcomes.filter((text) => text === "done")).toHaveLength(5);
    expect(new Set(outcomes)).toEqual(new Set(["done", "Insufficient balance"]));
    expect(world.balance(gateway, textToImage)).toEqual(left.minus(fee.times(5n)));
  });

  test("of fifty gateways that pay are all done, each from its own account", async () => {
    const gateways = Array.from({ length: 50 }, (_, index) => world.gateway(`gateway ${index}`));
    const outcomes = await together(gateways);
    expect(new Set(outcomes)).toEqual(new Set(["done"]));
    for (const gateway of gateways) expect(world.balance(gateway, textToImage)).toEqual(gateway.credit);
    const debited = (await world.ledger.totals()).reduce((sum, totals) => sum.plus(totals.debited), Rational.ZERO);
    expect(debited).toEqual(fee.times(200n));
  });
});

function never(): never {
  throw new Error("there are tickets");
}

describe("a stream", () => {
  test.each([
    ["of ours pays for what it got", { "x-rivulet": "0.1.0" }, 1n],
    ["of another kind pays for all that was allowed", {}, 8n],
  ])("that a gateway %s when it leaves in the middle", async (_what, extra, tokens) => {
    const opened = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const stream = async function* () {
      yield JSON.stringify({ choices: [] });
      await opened.promise;
      yield JSON.stringify({ choices: [] });
    };
    await using talking = await PaidWorld.open(usualRows, 16, [
      new MemoryExecutor([{ pipeline: llm, model: "streams", slots: 1 }], async () => ({
        kind: "stream",
        timings: {},
        events: stream(),
      })),
    ]);
    talking.prices.set([row(33, 10_000_000_000n, "streams")]);
    const leaving = new AbortController();
    const gateway = new OlderGateway(keyOf("gateway"), {
      ask: (question) => talking.node.discover(question),
      post: async (path, headers, body) => {
        const { body: events } = await request(`${talking.node.orchestrator.address}${path}`, {
          dispatcher: talking.node.agent,
          method: "POST",
          headers: { ...headers, ...extra },
          body,
          signal: leaving.signal,
        });
        for await (const _ of events) break;
        left.resolve();
        return { status: 200, text: "" };
      },
      l1Block: () => talking.chain.l1Block,
      now: () => talking.clock.now(),
    });
    talking.chain.fund(gateway.address, { deposit: 10n ** 18n, reserve: 10n ** 18n });
    const { contentType } = exampleJob(llm);
    const job = { messages: [{ role: "user", content: "x" }], model: "streams", max_tokens: 8, stream: true };
    await gateway.job({
      capability: 33,
      pipeline: "llm",
      model: "streams",
      units: 8n,
      contentType,
      body: JSON.stringify(job),
    });
    await left.promise;
    leaving.abort();
    while (JSON.parse((await talking.node.ask("/readyz")).text).jobs > 0) await turn();
    opened.resolve();
    let debited = Rational.ZERO;
    while (debited.numerator === 0n) {
      await turn();
      debited = (await talking.ledger.totals())[0]?.debited ?? Rational.ZERO;
    }
    expect(debited).toEqual(Rational.of(10_100_000_000n * tokens));
  });
});

describe("an answer", () => {
  async function asking(pipeline: typeof llm | typeof textToImage, extra: Record<string, string>, change: object = {}) {
    const sent = Promise.withResolvers<Awaited<ReturnType<typeof world.node.ask>>>();
    const gateway = new OlderGateway(keyOf("gateway"), {
      ask: (request) => world.node.discover(request),
      post: async (path, headers, body) => {
        const answer = await world.node.ask(path, {
          method: "POST",
          headers: { ...headers, ...extra },
          body: typeof body === "string" ? JSON.stringify({ ...JSON.parse(body), ...change }) : body,
        });
        sent.resolve(answer);
        return answer;
      },
      l1Block: () => world.chain.l1Block,
      now: () => world.clock.now(),
    });
    world.chain.fund(gateway.address, { deposit: 10n ** 18n, reserve: 10n ** 18n });
    await gateway.job(exampleJob(pipeline));
    return { answer: await sent.promise, gateway };
  }
  const ours = { "x-rivulet": "0.1.0" };

  test("says what was charged", async () => {
    const { answer } = await asking(textToImage, {});
    expect(answer.headers).toMatchObject({
      "x-units": "262144",
      "x-price-wei": "481605471/100",
      "x-cost-wei": String(Rational.of(481_605_471n * 262_144n, 100n)),
    });
  });

  test("of a language model costs a gateway of ours what was written, any other what was allowed", async () => {
    expect((await asking(llm, {})).answer.headers).toMatchObject({ "x-units": "8" });
    const { answer, gateway } = await asking(llm, ours);
    expect(answer.headers).toMatchObject({ "x-units": "2", "x-price-wei": "10100000000", "x-cost-wei": "20200000000" });
    const spent = Rational.of(10_100_000_000n * (8n + 2n));
    expect((await world.ledger.totals())[0]?.debited).toEqual(spent);
    expect(world.balance(gateway, llm).numerator).toBeGreaterThan(0n);
  });

  test("in pieces says so in trailers to a gateway of ours, and before the stream to any other", async () => {
    const foreign = (await asking(llm, {}, { stream: true })).answer;
    expect(foreign.headers).toMatchObject({ "x-units": "8" });
    expect(foreign.headers["trailer"]).toBeUndefined();
    const own = (await asking(llm, ours, { stream: true })).answer;
    expect(own.headers["x-units"]).toBeUndefined();
    expect(own.trailers).toMatchObject({ "x-units": "2", "x-cost-wei": "20200000000" });
    expect((await world.ledger.totals())[0]?.debited).toEqual(Rational.of(10_100_000_000n * (8n + 2n)));
  });
});

test("a free model takes no tickets and leaves no accounts", async () => {
  world.prices.set([row(27, 0n)]);
  const gateway = world.gateway("gateway");
  const { status, tickets } = await gateway.job(exampleJob(textToImage));
  expect([status, tickets]).toEqual([200, 0]);
  expect(await world.store.accounts()).toEqual([]);
});
