import { type Address, address, ZERO_ADDRESS } from "@rivulet/crypto";
import { imageToImage, type Pipeline, textToImage } from "@rivulet/pipelines";
import { type Milliseconds, ms, Rational, RivuletError, seconds, serviceUri } from "@rivulet/primitives";
import { seededRandomness, TestClock, turn } from "@rivulet/testkit";
import { beforeEach, describe, expect, test } from "vitest";
import type { Offer, OrchestratorSession } from "../orchestrator-session.ts";
import { weighOf } from "./draw.ts";
import type { PoolPorts } from "./pool.ts";
import { Selector } from "./selector.ts";

const MODEL = "any/model";
const demand = { pipeline: "text-to-image", model: MODEL };
const figures = (score: number, load = 0) => ({ score, took: seconds(1), load: ms(load) });

let clock: TestClock;
let selector: Selector;

beforeEach(() => {
  clock = new TestClock();
  selector = new Selector({ queueLength: 4, retryWhenAlone: seconds(5) }, { clock });
});

function offer(facts: Partial<Offer> = {}): Offer {
  return {
    pipeline: textToImage as Pipeline,
    model: MODEL,
    isWarm: true,
    capacity: 1,
    capacityInUse: 0,
    runnerVersion: "",
    ...facts,
  };
}

function session(name: string, ...offers: readonly Offer[]): OrchestratorSession {
  const uri = serviceUri(`https://${name}.test:8935`);
  return {
    uri,
    serviceUri: uri,
    address: ZERO_ADDRESS,
    operator: ZERO_ADDRESS,
    version: "0.9.1",
    token: { token: new Uint8Array(), sessionId: name, expiresAt: ms(0) },
    seenAt: clock.now(),
    latency: ms(1),
    offers,
    hardware: [],
  };
}

function known(name: string, facts: Partial<Offer> = {}): void {
  selector.update(session(name, offer(facts)));
}

function acquire(options: { tried?: string[]; patience?: Milliseconds; signal?: AbortSignal; model?: string } = {}) {
  return selector.acquire(
    { ...demand, model: options.model ?? MODEL },
    {
      tried: new Set(options.tried?.map((name) => `https://${name}.test:8935`)),
      patience: options.patience ?? seconds(10),
      signal: options.signal ?? new AbortController().signal,
    },
  );
}

const nameOf = (choice: { session: OrchestratorSession }) => new URL(choice.session.uri).hostname.split(".")[0];

async function chosen(options: Parameters<typeof acquire>[0] = {}): Promise<string | undefined> {
  using choice = await acquire(options);
  return nameOf(choice);
}

describe("the order", () => {
  test("warm comes before cold, whatever the score", async () => {
    known("cold", { isWarm: false });
    known("warm");
    {
      using choice = await acquire();
      choice.succeeded(figures(1000));
    }
    expect(await chosen()).toBe("warm");
  });

  test("unknown comes first, then the lowest score", async () => {
    for (const [name, score] of [
      ["slow", 3],
      ["fast", 1],
      ["middle", 2],
    ] as const) {
      known(name);
      using choice = await acquire({ tried: ["slow", "fast", "middle"].filter((other) => other !== name) });
      choice.succeeded(figures(score));
    }
    expect(await chosen()).toBe("fast");
    expect(await chosen({ tried: ["fast"] })).toBe("middle");
    known("new");
    expect(await chosen()).toBe("new");
  });

  test("an idle orchestrator comes before a faster one that works for us", async () => {
    known("fast", { capacity: 4 });
    known("slow", { capacity: 4 });
    {
      using choice = await acquire({ tried: ["fast"] });
      choice.succeeded(figures(9));
    }
    {
      using choice = await acquire({ tried: ["slow"] });
      choice.succeeded(figures(1));
    }
    using first = await acquire();
    using second = await acquire();
    expect([nameOf(first), nameOf(second)]).toEqual(["fast", "slow"]);
  });

  test("equals take turns", async () => {
    known("a");
    known("b");
    expect([await chosen(), await chosen(), await chosen()]).toEqual(["a", "b", "a"]);
  });
});

describe("capacity", () => {
  test("no more jobs are in flight than were advertised, and a waiting job gets the slot that is given back", async () => {
    known("one", { capacity: 2 });
    const first = await acquire();
    using _second = await acquire();
    const third = acquire();
    await turn();
    expect(selector.considered(demand, new Set())[0]).toMatchObject({ state: "full", inFlight: 2, limit: 2 });
    first[Symbol.dispose]();
    using got = await third;
    expect(nameOf(got)).toBe("one");
  });

  test("jobs spill to a cold orchestrator when waiting would take longer than loading", async () => {
    known("warm");
    known("cold", { isWarm: false });
    {
      using choice = await acquire();
      choice.succeeded({ score: 1, took: seconds(60), load: ms(0) });
    }
    using first = await acquire();
    using second = await acquire();
    expect([nameOf(first), nameOf(second)]).toEqual(["warm", "cold"]);
    expect(second.why).toBe("cold-warm-full");
  });

  test("jobs wait for a warm orchestrator when that is faster, and load when they waited in vain", async () => {
    known("warm");
    known("cold", { isWarm: false });
    {
      using choice = await acquire();
      choice.succeeded({ score: 1, took: seconds(1), load: ms(0) });
    }
    using _busy = await acquire();
    const waiting = acquire({ patience: seconds(2) });
    await turn();
    await clock.advance(seconds(3));
    using choice = await waiting;
    expect(nameOf(choice)).toBe("cold");
  });

  test("a full queue refuses with a time to come back", async () => {
    known("one");
    using _busy = await acquire();
    const waiting = Array.from({ length: 4 }, () => acquire().catch((error) => error));
    await expect(acquire()).rejects.toMatchObject({ code: "network.all-busy", facts: { model: MODEL } });
    await clock.advance(seconds(10));
    for (const error of await Promise.all(waiting)) {
      expect(error.code).toBe("network.all-busy");
      expect(error.facts.retryAfterMs).toBeGreaterThanOrEqual(1000);
    }
  });

  test("a waiting job that is cancelled leaves the queue", async () => {
    known("one");
    const busy = await acquire();
    const caller = new AbortController();
    const waiting = acquire({ signal: caller.signal });
    caller.abort(new RivuletError("request.cancelled", {}));
    await expect(waiting).rejects.toMatchObject({ code: "request.cancelled" });
    busy[Symbol.dispose]();
    expect(await chosen()).toBe("one");
    expect(clock.sleeping).toBe(0);
  });

  test("an orchestrator that says it is full rests briefly and is not punished", async () => {
    known("one", { capacity: 5 });
    {
      using choice = await acquire();
      choice.failed(new RivuletError("capacity.exhausted", { pipeline: "text-to-image", model: MODEL }));
    }
    expect(selector.considered(demand, new Set())[0]).toMatchObject({ state: "resting" });
    const waiting = chosen();
    await turn();
    await clock.advance(ms(250));
    expect(await waiting).toBe("one");
  });

  test("a cold orchestrator that has answered is warm from then on", async () => {
    known("cold", { isWarm: false });
    {
      using choice = await acquire();
      expect(choice.isWarm).toBe(false);
      choice.succeeded(figures(1, 20_000));
    }
    using choice = await acquire();
    expect(choice.isWarm).toBe(true);
  });
});

describe("suspension", () => {
  const failing = async (code: "peer.failed" | "peer.unreachable" | "peer.bad-result") => {
    using choice = await acquire();
    choice.failed(new RivuletError(code, {}));
  };

  test("a failure of the peer keeps work away for a time and says why", async () => {
    known("one");
    await failing("peer.failed");
    await expect(acquire()).rejects.toMatchObject({ code: "network.all-busy", facts: { retryAfterMs: 10_000 } });
    expect(selector.standing("https://one.test:8935")).toMatchObject([
      { state: "suspended", suspension: { reason: "peer.failed", failures: 1 } },
    ]);
    await clock.advance(seconds(10));
    expect(await chosen()).toBe("one");
  });

  test("what the client did costs nothing, nor what we would not pay for it", async () => {
    known("one");
    const codes = [
      "request.cancelled",
      "request.rejected-by-model",
      "request.malformed",
      "payment.over-limit",
    ] as const;
    for (const code of codes) {
      using choice = await acquire();
      choice.failed(new RivuletError(code, {}));
    }
    expect(await chosen()).toBe("one");
  });

  test("after a suspension one job probes; its success ends it", async () => {
    known("one", { capacity: 3 });
    await failing("peer.failed");
    await clock.advance(seconds(10));
    const probe = await acquire();
    const waiting = acquire();
    await turn();
    expect(selector.considered(demand, new Set())[0]).toMatchObject({ state: "probing", inFlight: 1 });
    probe.succeeded(figures(1));
    probe[Symbol.dispose]();
    using _second = await waiting;
    using _third = await acquire();
    expect(selector.considered(demand, new Set())[0]).toMatchObject({ inFlight: 2, state: "busy" });
  });

  test("while one job probes, an older one that ends lets no second one in", async () => {
    known("one", { capacity: 3 });
    const older = await acquire();
    await failing("peer.failed");
    await clock.advance(seconds(10));
    using _probe = await acquire();
    older[Symbol.dispose]();
    expect(selector.considered(demand, new Set())[0]).toMatchObject({ state: "probing", inFlight: 1 });
  });

  test("a probe that fails suspends for twice as long", async () => {
    known("one");
    await failing("peer.failed");
    await clock.advance(seconds(10));
    await failing("peer.failed");
    await expect(acquire()).rejects.toMatchObject({ facts: { retryAfterMs: 20_000 } });
  });

  test("a failed pipeline leaves the others alone; an unreachable machine is gone for all", async () => {
    const other = { pipeline: "image-to-image", model: MODEL };
    selector.update(session("one", offer(), offer({ pipeline: imageToImage as unknown as Pipeline })));
    await failing("peer.failed");
    expect(selector.hasOther(other, new Set())).toBe(true);
    await clock.advance(seconds(10));
    await failing("peer.unreachable");
    expect(selector.hasOther(other, new Set())).toBe(false);
  });

  test("a machine that could not be reached is asked again as soon as discovery reaches it", async () => {
    known("one");
    await failing("peer.unreachable");
    known("one");
    expect(await chosen()).toBe("one");
  });

  test("those who wait are refused when the last one they wait for is suspended", async () => {
    known("one");
    const busy = await acquire();
    const waiting = acquire();
    await turn();
    busy.failed(new RivuletError("peer.bad-result", {}));
    busy[Symbol.dispose]();
    await expect(waiting).rejects.toMatchObject({ code: "network.all-busy", facts: { retryAfterMs: 60_000 } });
  });
});

describe("what is known", () => {
  test("nobody known, nobody with the model, and nobody left are told apart", async () => {
    await expect(acquire()).rejects.toMatchObject({ code: "network.no-orchestrators" });
    known("one");
    await expect(acquire({ model: "other" })).rejects.toMatchObject({
      code: "model.not-offered",
      facts: { offered: [MODEL] },
    });
    selector.remove("https://one.test:8935");
    await expect(acquire()).rejects.toMatchObject({ code: "network.no-orchestrators" });
  });

  test("an orchestrator that leaves while it works takes nothing with it", async () => {
    known("one");
    const choice = await acquire();
    selector.remove("https://one.test:8935");
    choice.succeeded(figures(1));
    choice[Symbol.dispose]();
    known("one");
    using again = await acquire();
    expect(again.isWarm).toBe(true);
  });

  test("a model that is no longer listed is no longer chosen; a newly listed one lets waiting jobs in", async () => {
    known("one");
    known("two");
    selector.update(session("one", offer({ model: "else" })));
    using _two = await acquire();
    const waiting = acquire();
    await turn();
    known("three");
    using third = await waiting;
    expect(nameOf(third)).toBe("three");
  });
});

test("choosing among ten thousand does not look at each of them", async () => {
  for (let i = 0; i < 10_000; i += 1) known(`o${i}`);
  const choices = await Promise.all(Array.from({ length: 1000 }, () => acquire()));
  expect(new Set(choices.map(nameOf)).size).toBe(1000);
  for (const choice of choices) choice[Symbol.dispose]();
});

describe("by lot", () => {
  const A = address(`0x${"a".repeat(40)}`);
  const B = address(`0x${"b".repeat(40)}`);
  const ROUNDS = 2000;

  function drawing(stakes: ReadonlyMap<Address, bigint>, objection?: PoolPorts["objection"]): void {
    const lots = {
      weigh: weighOf({ kind: "measured" }) ?? (() => []),
      randomness: seededRandomness(3),
      stakeOf: (operator: Address) => stakes.get(operator) ?? 0n,
    };
    selector = new Selector({ queueLength: 4, retryWhenAlone: seconds(5) }, { clock, lots, objection });
  }

  function offered(name: string, operator: Address, facts: Partial<Offer> = {}): void {
    selector.update({ ...session(name, offer({ price: Rational.of(4_768_371n), ...facts })), operator });
  }

  async function shareOf(wanted: string): Promise<number> {
    let count = 0;
    for (let i = 0; i < ROUNDS; i += 1) if ((await chosen())?.startsWith(wanted)) count += 1;
    return count / ROUNDS;
  }

  test("stake, price and measured speed each move the choice alone, and chance is left to the other", async () => {
    const equal = new Map([
      [A, 1n],
      [B, 1n],
    ]);
    drawing(equal);
    offered("a", A);
    offered("b", B);
    expect(Math.abs((await shareOf("a")) - 0.5)).toBeLessThan(0.05);

    drawing(new Map([...equal, [A, 9n]]));
    offered("a", A);
    offered("b", B);
    expect(Math.abs((await shareOf("a")) - 0.62)).toBeLessThan(0.05);

    drawing(equal);
    offered("a", A, { price: Rational.of(4_768_371n, 3n) });
    offered("b", B);
    expect(Math.abs((await shareOf("a")) - 0.62)).toBeLessThan(0.05);

    drawing(equal);
    offered("a", A);
    offered("b", B);
    for (const [name, score] of [
      ["a", 1],
      ["b", 3],
    ] as const) {
      using choice = await acquire({ tried: ["a", "b"].filter((other) => other !== name) });
      choice.succeeded(figures(score));
    }
    expect(Math.abs((await shareOf("a")) - 0.62)).toBeLessThan(0.05);
  });

  test("several sessions of one operator are one operator", async () => {
    drawing(new Map());
    for (let i = 0; i < 9; i += 1) offered(`a${i}`, A);
    offered("b", B);
    expect(Math.abs((await shareOf("a")) - 0.5)).toBeLessThan(0.05);
  });

  test("who is too dear is not drawn, and is told why; when all are, so is the job", async () => {
    const dear = { code: "price.above-maximum", reason: "too dear" } as const;
    drawing(new Map(), ({ session: { operator } }) => (operator === A ? dear : undefined));
    offered("a", A);
    offered("b", B);
    expect(await shareOf("b")).toBe(1);
    expect(selector.considered(demand, new Set())).toMatchObject([
      { objection: dear },
      { chance: expect.closeTo(1, 9) },
    ]);
    selector.remove("https://b.test:8935");
    await expect(acquire()).rejects.toMatchObject({ code: "price.above-maximum" });
  });

  test("a choice tells the draw it came from", async () => {
    drawing(new Map([[A, 3n]]));
    offered("a", A);
    offered("b", B);
    using choice = await acquire();
    const { chances, drawn } = choice.draw ?? { chances: [], drawn: 1 };
    expect(chances.map(([{ address: operator }]) => operator)).toEqual([A, B]);
    expect(choice.session.operator).toBe(drawn <= (chances[0]?.[1] ?? 0) ? A : B);
  });
});

describe("slots", () => {
  test("a job that has ended there, and whose files are still fetched, is not counted twice", async () => {
    known("one", { capacity: 1, capacityInUse: 0 });
    using _job = await acquire();
    known("one", { capacity: 1, capacityInUse: 0 });
    expect(selector.considered(demand, new Set())[0]).toMatchObject({ inFlight: 1, limit: 1 });
  });

  test("what it has under way for us is free for us, what it has for others is not", async () => {
    known("one", { capacity: 4, capacityInUse: 0 });
    using _first = await acquire();
    using _second = await acquire();
    known("one", { capacity: 1, capacityInUse: 3 });
    expect(selector.considered(demand, new Set())[0]).toMatchObject({ inFlight: 2, limit: 3 });
  });
});
