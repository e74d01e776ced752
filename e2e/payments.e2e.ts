import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { systemClock } from "@rivulet/node";
import { Rational } from "@rivulet/primitives";
import { Store } from "@rivulet/store";
import { answersWell, endpointFaults, FaultyEndpoint, type OlderOutcome } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import { ask, at, codeIn } from "./harness/ask.ts";
import {
  CERTAIN,
  ENOUGH,
  FACE_VALUE,
  GENEROUS,
  MoneyStage,
  PAST_DOUBT,
  PAST_EXPIRY,
  type PaidNode,
  PRICE,
  TICKET_VALUE,
} from "./harness/money.ts";
import { offers, suspensions } from "./harness/network.ts";
import { request } from "./harness/scripted-runner.ts";
import { pictureJob, Senders } from "./harness/senders.ts";
import { eventually } from "./harness/stage.ts";

/** Wei that a picture of the scripted request costs, before the cost of redeeming is added. */
const PICTURE = BigInt(64 * 64 * PRICE);
/** What opening a session takes: one about everything, and one about the terms of the only model. */
const QUESTIONS = 2;
/** Jobs after which a disk on which nothing can grow is full: each writes down winners. */
const MOST_JOBS = 300;
/** How long a slow endpoint takes to answer: many times what a fast one does, and less than nodes put up with. */
const SLOW_MS = 2_000;

const draw = ({ node }: PaidNode) => ask({ address: node.address }, "/text-to-image", request);

/** A gateway and an orchestrator that know each other. */
async function pair(stage: MoneyStage, sells: readonly string[] = [], pays: readonly string[] = []) {
  const seller = await stage.seller(2, sells);
  await stage.devnet.nextRound();
  const payer = await stage.payer(pays);
  await offers(payer.node, 1);
  return { seller, payer };
}

/** The lines a node wrote that say something, of the last ones. */
const said = ({ node }: PaidNode, what: string) => node.tail.filter((line) => line.includes(what));

/** A way to the chain for a node alone, in place of the one that all others share. */
class OwnEndpoint implements AsyncDisposable {
  readonly endpoint: FaultyEndpoint;

  private constructor(endpoint: FaultyEndpoint) {
    this.endpoint = endpoint;
  }

  static async start({ devnet }: MoneyStage): Promise<OwnEndpoint> {
    const endpoint = new FaultyEndpoint(devnet.url);
    await endpoint.start();
    return new OwnEndpoint(endpoint);
  }

  get flag(): string {
    return `-ethUrl=${this.endpoint.url}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.endpoint.stop();
  }
}

/** Asks until it works: what is broken is on its way to be found again. */
function drawn(payer: PaidNode) {
  return eventually("a picture", async () => {
    const answer = await draw(payer);
    return answer.status === 200 ? answer : undefined;
  });
}

async function expectAgreement(stage: MoneyStage): Promise<unknown> {
  const { status, told, text } = await stage.reconcile();
  expect([status, at(told, "agrees"), text]).toEqual([0, true, expect.any(String)]);
  return told;
}

describe("a job", () => {
  test("is paid: what is told is what is charged, and both sides' books say the same", async () => {
    await using stage = await MoneyStage.start();
    const { payer } = await pair(stage);
    const answer = await draw(payer);
    expect([answer.status, answer.headers.get("x-units")]).toEqual([200, `${64 * 64}`]);
    const cost = Number(answer.headers.get("x-cost-wei")?.split("/")[0]);
    expect(cost).toBeGreaterThan(Number(PICTURE));
    const told = await expectAgreement(stage);
    expect(at(told, "payer", "tickets")).toBe("1");
    expect(at(told, "payee", "debited")).toBe(at(told, "payer", "debited"));
  });

  test("whose ticket wins brings the orchestrator exactly the face value", async () => {
    await using stage = await MoneyStage.start();
    const { seller, payer } = await pair(stage, CERTAIN, GENEROUS);
    expect((await draw(payer)).status).toBe(200);
    expect(await stage.redeemed(seller)).toBe(FACE_VALUE);
    await stage.devnet.mine(PAST_DOUBT);
    await expectAgreement(stage);
  });

  test("two hundred at once are all done and all paid", async () => {
    await using stage = await MoneyStage.start();
    const { payer } = await pair(stage, [], ["-queueLength=300", "-patience=60s"]);
    const answers = await Promise.all(Array.from({ length: 200 }, () => draw(payer)));
    expect(answers.map(({ status }) => status)).toEqual(Array(200).fill(200));
    const told = await expectAgreement(stage);
    expect(at(told, "payee", "credited")).toBe(at(told, "payer", "credited"));
  });
});

describe("an orchestrator that is killed", () => {
  test("after a job, before its winner may be redeemed, redeems it once it runs again", async () => {
    await using stage = await MoneyStage.start();
    const { seller, payer } = await pair(stage, CERTAIN, GENEROUS);
    expect((await draw(payer)).status).toBe(200);
    seller.node.kill();
    await stage.devnet.mine(PAST_EXPIRY);
    await seller.again();
    expect(await stage.redeemed(seller)).toBe(FACE_VALUE);
    await stage.devnet.mine(PAST_DOUBT);
    await expectAgreement(stage);
  });

  test("while its redemption is under way is paid once", async () => {
    await using stage = await MoneyStage.start();
    const { seller, payer } = await pair(stage, CERTAIN, GENEROUS);
    expect((await draw(payer)).status).toBe(200);
    // Transactions wait from here on, as in a mempool.
    await stage.devnet.mine(PAST_EXPIRY);
    await stage.devnet.setAutomine(false);
    await eventually("a transaction under way", async () =>
      stage.endpoint.methods.includes("eth_sendRawTransaction") ? true : undefined,
    );
    seller.node.kill();
    await seller.again();
    await stage.devnet.setAutomine(true);
    await stage.devnet.mine();
    expect(await stage.redeemed(seller)).toBe(FACE_VALUE);
    await stage.devnet.mine(PAST_DOUBT);
    await drawn(payer);
    expect(await stage.earned(seller)).toBe(FACE_VALUE);
    await expectAgreement(stage);
  });
});

test("a gateway that is killed in the middle of jobs uses no nonce again", async () => {
  await using stage = await MoneyStage.start();
  const { payer } = await pair(stage);
  const jobs = Array.from({ length: 20 }, () => draw(payer).catch(() => undefined));
  await stage.runner.arrived(1);
  payer.node.kill();
  await Promise.all(jobs);
  await payer.again();
  for (let job = 0; job < 5; job += 1) await drawn(payer);
  await expectAgreement(stage);
});

describe("parameters that expire in the middle", () => {
  test.for([300n, 50n])(
    "are had anew, also over rounds of %i blocks: the same orchestrator goes on and is not suspended",
    async (roundLength) => {
      await using stage = await MoneyStage.start({ roundLength });
      const { seller, payer } = await pair(stage, CERTAIN, GENEROUS);
      for (let job = 0; job < 3; job += 1) {
        await stage.devnet.mine(PAST_EXPIRY);
        // Forty-one blocks at once: for a moment one side may have seen them and the other not.
        const answer = await drawn(payer);
        expect(answer.headers.get("x-orchestrator")).toBe(seller.node.address);
        expect(await suspensions(payer.node)).toEqual([]);
      }
      await expectAgreement(stage);
    },
  );

  test("are renewed before that where both sides follow the chain: no job is refused, none is tried twice", async () => {
    await using stage = await MoneyStage.start();
    await using own = await OwnEndpoint.start(stage);
    const { seller, payer } = await pair(stage, [], [own.flag]);
    for (let step = 0; step < 9; step += 1) {
      await stage.devnet.mine(10n);
      await Promise.all([stage.followed(), stage.followed(1, own.endpoint)]);
      const answer = await draw(payer);
      expect([answer.status, answer.headers.get("x-orchestrator")]).toEqual([200, seller.node.address]);
      expect(said(payer, "attempt failed")).toEqual([]);
    }
    expect(await suspensions(payer.node)).toEqual([]);
    await expectAgreement(stage);
  });

  test("before the gateway has seen it cost one new session: the same orchestrator, and no suspension", async () => {
    const preload = fileURLToPath(new URL("./harness/questions.mjs", import.meta.url));
    await using stage = await MoneyStage.start();
    await using own = await OwnEndpoint.start(stage);
    const sellers = [await stage.seller(2, [], { preload }), await stage.seller(3, [], { preload })];
    await stage.devnet.nextRound();
    const payer = await stage.payer([own.flag, "-discoveryInterval=10m"]);
    await offers(payer.node, 2);
    await drawn(payer);
    const questions = () => sellers.flatMap((seller) => said(seller, "asked for a session")).length;
    const before = questions();
    own.endpoint.behave(endpointFaults.stale(await stage.devnet.client.blockNumber()));
    await stage.devnet.mine(PAST_EXPIRY);
    await stage.followed(2);
    const answer = await draw(payer);
    expect(answer.status).toBe(200);
    const refused = said(payer, "attempt failed");
    expect(refused).toHaveLength(1);
    expect(refused[0]).toContain("payment.params-expired");
    expect(refused[0]).toContain(answer.headers.get("x-orchestrator"));
    expect(questions()).toBe(before + QUESTIONS);
    expect(await suspensions(payer.node)).toEqual([]);
    own.endpoint.behave(endpointFaults.none);
    await expectAgreement(stage);
  });
});

describe("the chain", () => {
  test("may stand still for who looks at it: jobs go on, and no winner is lost", async () => {
    await using stage = await MoneyStage.start();
    const { seller, payer } = await pair(stage, CERTAIN, GENEROUS);
    expect((await draw(payer)).status).toBe(200);
    stage.endpoint.behave(endpointFaults.stale(await stage.devnet.client.blockNumber()));
    await stage.devnet.mine(PAST_EXPIRY + 9n);
    await stage.followed(2);
    for (let job = 0; job < 3; job += 1) expect((await draw(payer)).status).toBe(200);
    expect(await stage.earned(seller)).toBe(0n);
    stage.endpoint.behave(endpointFaults.none);
    const earned = await stage.redeemed(seller);
    expect(earned % FACE_VALUE).toBe(0n);
    await drawn(payer);
    await stage.devnet.mine(PAST_DOUBT);
    expect(at(await expectAgreement(stage), "lost")).toBe("0");
  });

  test("may answer slowly: jobs do not wait for it, and winners are redeemed", async () => {
    await using stage = await MoneyStage.start();
    const { seller, payer } = await pair(stage, CERTAIN, GENEROUS);
    await draw(payer);
    stage.endpoint.behave((call, forward) => endpointFaults.slow(delay(SLOW_MS))(call, forward));
    for (let job = 0; job < 3; job += 1) {
      const { status, tookMs } = await draw(payer);
      expect(status).toBe(200);
      expect(tookMs).toBeLessThan(SLOW_MS);
    }
    expect((await stage.redeemed(seller)) % FACE_VALUE).toBe(0n);
    await drawn(payer);
    stage.endpoint.behave(endpointFaults.none);
    await stage.devnet.mine(PAST_DOUBT);
    expect(at(await expectAgreement(stage), "lost")).toBe("0");
  });

  test("may be down for ten minutes of its time: jobs go on meanwhile or after, and no winner is lost", async () => {
    await using stage = await MoneyStage.start();
    const { seller, payer } = await pair(stage, CERTAIN, GENEROUS);
    stage.endpoint.behave(endpointFaults.down);
    expect((await draw(payer)).status).toBe(200);
    await stage.devnet.mine(50n);
    stage.endpoint.behave(endpointFaults.none);
    expect(await stage.redeemed(seller)).toBe(FACE_VALUE);
    await drawn(payer);
    await stage.devnet.mine(PAST_DOUBT);
    await expectAgreement(stage);
  });

  test("that is another than the one in the configuration is refused at the start, with both named", async () => {
    await using stage = await MoneyStage.start({ chainId: 4242 });
    const ended = await stage.rivulet("gateway", ...(await stage.onChain(1)), `-dataDir=${stage.path("g")}`);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/31337/);
    expect(ended.stderr).toMatch(/4242/);
    expect(ended.stderr).not.toMatch(/^\s+at /m);
  });

  test("may step back ten blocks: a redemption that is undone is made again", async () => {
    await using stage = await MoneyStage.start();
    const { seller, payer } = await pair(stage, CERTAIN, GENEROUS);
    expect((await draw(payer)).status).toBe(200);
    await stage.devnet.mine(PAST_EXPIRY - 10n);
    const before = await stage.devnet.snapshot();
    await stage.devnet.mine(10n);
    const earned = () =>
      eventually("fees", async () => ((await stage.earned(seller)) === FACE_VALUE ? true : undefined));
    await earned();
    await stage.devnet.reorganize(before, 12n);
    expect(await stage.earned(seller)).toBe(0n);
    // The chain goes on, and in a few blocks somebody looks.
    await eventually("fees anew", async () => {
      await stage.devnet.mine();
      return (await stage.earned(seller)) === FACE_VALUE ? true : undefined;
    });
    await stage.devnet.mine(PAST_DOUBT);
    await eventually("a final redemption", async () =>
      (await stage.earned(seller)) === FACE_VALUE ? true : undefined,
    );
    await expectAgreement(stage);
  });

  test("on which gas costs fifty times as much is waited out", async () => {
    await using stage = await MoneyStage.start();
    const { seller, payer } = await pair(stage, CERTAIN, GENEROUS);
    expect((await draw(payer)).status).toBe(200);
    await stage.devnet.setGasPrice(5_000_000_000n);
    await stage.devnet.mine(PAST_EXPIRY);
    // Several looks at the price go by.
    for (let look = 0; look < 8; look += 1) {
      await stage.devnet.mine();
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(await stage.earned(seller)).toBe(0n);
    await stage.devnet.setGasPrice(100_000_000n);
    await stage.devnet.mine(6n);
    expect(await stage.redeemed(seller, FACE_VALUE)).toBe(FACE_VALUE);
    await stage.devnet.mine(PAST_DOUBT);
    await expectAgreement(stage);
  });
});

describe("a gateway", () => {
  test("without a deposit says so and what to do, and pays as soon as there is one", async () => {
    await using stage = await MoneyStage.start();
    await stage.seller(2);
    await stage.devnet.nextRound();
    const payer = await stage.payer([], { funds: "none" });
    const refused = await eventually("a refusal for lack of funds", async () => {
      const answer = await draw(payer);
      return codeIn(answer) === "payment.sender-unfunded" ? answer : undefined;
    });
    expect(JSON.stringify(refused.body)).toContain("rivulet deposit");
    const flags = await stage.onChain(1);
    expect((await stage.rivulet("deposit", "1ETH", "-reserve=1ETH", ...flags)).status).toBe(0);
    await drawn(payer);
    // Who could have everything back in the next round is refused like who has nothing, and can call it off.
    expect((await stage.rivulet("unlock", ...flags)).status).toBe(0);
    await stage.devnet.nextRound();
    await eventually("a refusal while unlocking", async () => ((await draw(payer)).status === 200 ? undefined : true));
    expect((await stage.rivulet("unlock", "cancel", ...flags)).status).toBe(0);
    await drawn(payer);
    await expectAgreement(stage);
  });

  test("does not pay a price above its maximum, and says whose price that is", async () => {
    await using stage = await MoneyStage.start();
    await stage.seller(2);
    await stage.devnet.nextRound();
    const payer = await stage.payer([`-maxPricePerUnit=${PRICE - 1}`]);
    const refused = await eventually("a refusal for the price", async () => {
      const answer = await draw(payer);
      return answer.status === 200 || JSON.stringify(answer.body).includes("price.above-maximum") ? answer : undefined;
    });
    expect(refused.status).not.toBe(200);
    expect(stage.runner.jobs).toHaveLength(0);
  });

  test("whose clock is an hour wrong pays all the same, and so does one beside such an orchestrator", async () => {
    const preload = fileURLToPath(new URL("./harness/wrong-clock.mjs", import.meta.url));
    await using stage = await MoneyStage.start();
    await stage.seller(2, [], { preload });
    await stage.devnet.nextRound();
    const payer = await stage.payer();
    await drawn(payer);
    await expectAgreement(stage);
  });
});

test("a price that changes in the middle is followed without a failed job", async () => {
  await using stage = await MoneyStage.start();
  const models = (price: number) =>
    JSON.stringify([
      { ...JSON.parse(stage.runner.offer({ capacity: 200 }).replace("-aiModels=", ""))[0], price_per_unit: price },
    ]);
  const file = stage.write("models.json", models(PRICE));
  const { seller, payer } = await pair(stage, [`-aiModels=${file}`]);
  const costOf = (headers: Headers) => Number(headers.get("x-price-wei")?.split("/")[0] ?? 0);
  const before = await draw(payer);
  writeFileSync(file, models(Math.round(PRICE * 1.5)));
  seller.node.signal("SIGHUP");
  const after = await eventually("the new price", async () => {
    const answer = await draw(payer);
    expect(answer.status).toBe(200);
    return answer.headers.get("x-price-wei") === before.headers.get("x-price-wei") ? undefined : answer;
  });
  expect(costOf(after.headers)).not.toBe(costOf(before.headers));
  writeFileSync(file, "[{}]");
  seller.node.signal("SIGHUP");
  await eventually("the old prices kept", async () =>
    seller.node.tail.some((line) => line.includes("prices kept")) ? true : undefined,
  );
  expect((await draw(payer)).headers.get("x-price-wei")).toBe(after.headers.get("x-price-wei"));
  await expectAgreement(stage);
});

describe("books", () => {
  test("that are damaged, in use, or of another chain keep a node from starting, and it says what to do", async () => {
    await using stage = await MoneyStage.start();
    const flags = await stage.onChain(1);
    const gateway = await stage.payer();
    const inUse = await stage.rivulet("gateway", ...flags, "-httpAddr=127.0.0.1:0", `-dataDir=${gateway.dataDir}`);
    expect(inUse).toMatchObject({ status: 1, stdout: "" });
    expect(inUse.stderr).toContain(gateway.dataDir);
    await gateway.node.stop();
    writeFileSync(`${gateway.dataDir}/rivulet.sqlite`, "this is no database, and never was one");
    const damaged = await stage.rivulet("gateway", ...flags, "-httpAddr=127.0.0.1:0", `-dataDir=${gateway.dataDir}`);
    expect(damaged).toMatchObject({ status: 1, stdout: "" });
    expect(damaged.stderr).toContain("rivulet.sqlite");
    const ofAnother = stage.path("another");
    mkdirSync(ofAnother);
    await using other = await Store.open(
      { file: join(ofAnother, "rivulet.sqlite"), chainId: 42_161 },
      { clock: systemClock },
    );
    await other.close();
    const foreign = await stage.rivulet("gateway", ...flags, "-httpAddr=127.0.0.1:0", `-dataDir=${ofAnother}`);
    expect(foreign).toMatchObject({ status: 1, stdout: "" });
    expect(foreign.stderr).toContain(ofAnother);
    expect(foreign.stderr).toMatch(/42161.*31337|31337.*42161/s);
    expect(`${inUse.stderr}${damaged.stderr}${foreign.stderr}`).not.toMatch(/^\s+at /m);
  });

  test("on a disk that is full take no payment: such jobs are refused, and no winner is lost", async () => {
    const preload = fileURLToPath(new URL("./harness/full-disk.mjs", import.meta.url));
    await using stage = await MoneyStage.start();
    const dear = `-pricePerUnit=${TICKET_VALUE / (64n * 64n)}`;
    const seller = await stage.seller(2, [...CERTAIN, dear], { preload });
    await stage.devnet.nextRound();
    await using senders = new Senders(stage, seller);
    const [sender] = await senders.open("sender");
    // It pays every job with a ticket or two, and each of them wins.
    sender.maxTicketValue = Rational.of(FACE_VALUE);
    const outcomes: OlderOutcome[] = [];
    const one = async () => {
      const outcome = await sender.job(pictureJob);
      outcomes.push(outcome);
      return outcome;
    };
    seller.node.signal("SIGUSR2");
    let refused = await one();
    for (let job = 1; refused.status === 200 && job < MOST_JOBS; job += 1) refused = await one();
    expect(`${refused.status} ${refused.text}`).toMatch(/^503 /);
    seller.node.signal("SIGUSR2");
    await eventually("room", async () => ((await one()).status === 200 ? true : undefined));
    const tickets = outcomes.reduce((sum, outcome) => sum + (outcome.status === 200 ? outcome.tickets : 0), 0);
    const won = BigInt(tickets) * FACE_VALUE;
    expect(await stage.redeemed(seller, won)).toBe(won);
    await stage.devnet.mine(PAST_DOUBT);
    expect(at(await expectAgreement(stage), "lost")).toBe("0");
  });
});

test("a reserve that three orchestrators share pays all three when the deposit is used up", async () => {
  await using stage = await MoneyStage.start();
  const sellers = [await stage.seller(2, CERTAIN), await stage.seller(3, CERTAIN), await stage.seller(4, CERTAIN)];
  await stage.devnet.nextRound();
  const payer = await stage.payer(GENEROUS, { funds: { deposit: FACE_VALUE, reserve: ENOUGH.reserve } });
  await offers(payer.node, 3);
  const served = new Set<string | null>();
  await eventually("a job at each", async () => {
    const { status, headers } = await draw(payer);
    if (status === 200) served.add(headers.get("x-orchestrator"));
    return served.size === 3 ? true : undefined;
  });
  await stage.devnet.mine(PAST_EXPIRY);
  const fees = await eventually("fees", async () => {
    const all = await Promise.all(sellers.map((seller) => stage.earned(seller)));
    return all.every((fee) => fee > 0n) ? all : undefined;
  });
  expect(fees.map((fee) => fee % FACE_VALUE)).toEqual([0n, 0n, 0n]);
  await stage.devnet.mine(PAST_DOUBT);
  await expectAgreement(stage);
});

test("jobs whose runner fails cost nothing on either side", async () => {
  await using stage = await MoneyStage.start();
  const { payer } = await pair(stage);
  stage.runner.behave(() => ({ status: 500, body: "{}" }));
  expect((await draw(payer)).status).not.toBe(200);
  stage.runner.behave(answersWell);
  await drawn(payer);
  const told = await expectAgreement(stage);
  expect(at(told, "payee", "debited")).toBe(at(told, "payer", "debited"));
});
