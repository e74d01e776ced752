import { textToImage } from "@rivulet/pipelines";
import { type ErrorCode, isError, modelId, ms, RivuletError, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock, turn } from "@rivulet/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { implementations } from "../test/fake-implementations.ts";
import { memoryLauncher } from "./host/memory-host.ts";
import type { HostConnection, HostJob, HostLauncher } from "./host/messages.ts";
import { processLauncher } from "./host/process-host.ts";
import type { HostImplementations } from "./host/serve-host.ts";
import { type JobEvent, ModelPool, type ModelPoolOptions } from "./model-pool.ts";
import type { PoolModel } from "./pooled-model.ts";
import { systemClock } from "./system.ts";
import { verifyInference } from "./verify-inference.ts";

const MB = 1_000_000;
const inMemory = memoryLauncher({
  implementations: implementations as unknown as HostImplementations,
  randomness: seededRandomness(1),
  clock: new TestClock(),
  log: silentLogger,
});
const inProcess = processLauncher({
  implementations: new URL("../test/fake-implementations.ts", import.meta.url),
  log: silentLogger,
});

/** Counts launches, refuses those above a limit, and lets a test end a host behind the pool's back. */
class WatchedLauncher implements HostLauncher {
  readonly launched: HostConnection[] = [];
  refused = 0;
  readonly #inner: HostLauncher;
  readonly #limit: number;
  constructor(inner: HostLauncher, limit = Number.POSITIVE_INFINITY) {
    this.#inner = inner;
    this.#limit = limit;
  }
  launch(): HostConnection {
    if (this.launched.length === this.#limit) {
      this.refused++;
      throw new Error("no more processes");
    }
    const connection = this.#inner.launch();
    this.launched.push(connection);
    return connection;
  }
}

const open: ModelPool[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((pool) => pool.stop()));
});

function model(id: string, more: Partial<PoolModel> = {}, megabytes = 100): PoolModel {
  return {
    pipeline: textToImage,
    model: modelId(id),
    slots: 1,
    keepWarm: false,
    threads: 1,
    locate: async () => ({ directory: "/nowhere", bytes: (megabytes * MB) / 1.15 }),
    ...more,
  };
}

function poolOf(
  models: readonly PoolModel[],
  more: Partial<ModelPoolOptions> & { inner?: HostLauncher; launchLimit?: number } = {},
) {
  const launcher = new WatchedLauncher(more.inner ?? inMemory, more.launchLimit);
  const clock = new TestClock();
  const happened: string[] = [];
  const note = (what: string) => (config: PoolModel) => void happened.push(`${what} ${config.model}`);
  const pool = new ModelPool(
    { models, memoryBytes: 1000 * MB, queueLimit: 4, idleUnload: ms(600_000), ...more },
    {
      launcher,
      clock: more.inner === undefined ? clock : systemClock,
      log: silentLogger,
      verify: verifyInference,
      observer: {
        loaded: note("loaded"),
        loadFailed: note("load failed"),
        evicted: note("evicted"),
        crashed: note("crashed"),
      },
    },
  );
  open.push(pool);
  return { pool, launcher, clock, happened };
}

function work(prompt: string, seed = 7): HostJob {
  return { request: { prompt, width: 64, height: 64, seed, num_images_per_prompt: 1 }, media: {} };
}

function run(pool: ModelPool, id: string, prompt = "", signal = new AbortController().signal) {
  const events: JobEvent[] = [];
  const result = pool.run("text-to-image", modelId(id), work(prompt), {
    signal,
    onEvent: (event) => void events.push(event),
  });
  result.catch(() => {}); // a test looks at it when it is ready
  return { result, events };
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => (isError(error) ? error.code : "internal"),
  );
}

/** Waits, a turn of the event loop at a time, until something is true. */
async function until(isTrue: () => boolean): Promise<void> {
  for (let turns = 0; turns < 10_000; turns++) {
    if (isTrue()) return;
    await turn();
  }
  throw new Error("it never became true");
}

function stateOf(pool: ModelPool, id: string) {
  return pool.find("text-to-image", id)?.state;
}

describe("a model on demand", () => {
  test("is loaded once, however many ask at the same time, and answers in the same request", async () => {
    const { pool, launcher } = poolOf([model("fake/good")]);
    await pool.start();
    expect(stateOf(pool, "fake/good")).toBe("cold");
    const jobs = [1, 2, 3].map(() => run(pool, "fake/good"));
    expect(stateOf(pool, "fake/good")).toBe("loading");
    const results = await Promise.all(jobs.map(({ result }) => result));
    expect(launcher.launched).toHaveLength(1);
    expect(results.every(({ response }) => "images" in response)).toBe(true);
    expect(stateOf(pool, "fake/good")).toBe("ready");
  });

  test("tells how long loading took to the job that waited for it, and nothing to the next", async () => {
    const { pool, launcher, clock } = poolOf([model("fake/good")]);
    const first = run(pool, "fake/good");
    await until(() => launcher.launched.length === 1);
    await clock.advance(ms(1234));
    expect((await first.result).timings).toEqual({ queueMs: 0, loadMs: 1234, inferenceMs: 0 });
    expect((await run(pool, "fake/good").result).timings).toEqual({ queueMs: 0, loadMs: 0, inferenceMs: 0 });
  });

  test("is unloaded after being idle for long, and loaded again when asked for", async () => {
    const { pool, launcher, clock, happened } = poolOf([model("fake/good")], { idleUnload: ms(1000) });
    await run(pool, "fake/good").result;
    await clock.advance(ms(999));
    expect(stateOf(pool, "fake/good")).toBe("ready");
    await clock.advance(ms(1));
    await until(() => stateOf(pool, "fake/good") === "cold");
    await run(pool, "fake/good").result;
    expect(launcher.launched).toHaveLength(2);
    expect(happened).toEqual(["loaded fake/good", "evicted fake/good", "loaded fake/good"]);
  });

  test("that is unknown is refused with what is there", async () => {
    const { pool } = poolOf([model("fake/good")]);
    await expect(run(pool, "fake/other").result).rejects.toMatchObject({
      code: "model.unknown",
      facts: { offered: ["fake/good"] },
    });
  });
});

describe("the queue of a model", () => {
  test("is bounded: one more is refused at once, and its place is taken again later", async () => {
    const { pool } = poolOf([model("fake/good")], { queueLimit: 2 });
    await run(pool, "fake/good").result;
    const caller = new AbortController();
    const holding = run(pool, "fake/good", "wait", caller.signal);
    const waiting = [run(pool, "fake/good"), run(pool, "fake/good")];
    expect(await codeOf(run(pool, "fake/good").result)).toBe("capacity.exhausted");
    expect(waiting.map(({ events }) => events[0])).toEqual([
      { kind: "queued", position: 1 },
      { kind: "queued", position: 2 },
    ]);
    caller.abort(new RivuletError("request.cancelled", {}));
    expect(await codeOf(holding.result)).toBe("request.cancelled");
    await Promise.all(waiting.map(({ result }) => result));
    expect(waiting[1]?.events).toContainEqual({ kind: "queued", position: 1 });
    expect(await codeOf(run(pool, "fake/good").result)).toBeUndefined();
  });

  test("loses nobody when the ones before leave", async () => {
    const { pool } = poolOf([model("fake/good")]);
    await run(pool, "fake/good").result;
    const callers = [new AbortController(), new AbortController()];
    const [holder, leaver] = callers.map(({ signal }) => run(pool, "fake/good", "wait", signal));
    const last = run(pool, "fake/good");
    callers[1]?.abort(new RivuletError("request.cancelled", {}));
    callers[0]?.abort(new RivuletError("request.cancelled", {}));
    expect(await codeOf(holder?.result ?? Promise.resolve())).toBe("request.cancelled");
    expect(await codeOf(leaver?.result ?? Promise.resolve())).toBe("request.cancelled");
    expect(await codeOf(last.result)).toBeUndefined();
  });

  test("lets as many in at once as there are slots", async () => {
    const { pool, launcher } = poolOf([model("fake/good", { slots: 2 })]);
    const caller = new AbortController();
    const two = [run(pool, "fake/good", "wait", caller.signal), run(pool, "fake/good", "wait", caller.signal)];
    await until(() => pool.find("text-to-image", "fake/good")?.running === 2);
    expect(launcher.launched).toHaveLength(2);
    caller.abort(new RivuletError("request.cancelled", {}));
    expect(await Promise.all(two.map(({ result }) => codeOf(result)))).toEqual([
      "request.cancelled",
      "request.cancelled",
    ]);
  });
});

describe("a model is ready only when it has done one inference right:", () => {
  test.each([
    ["fake/fails-to-load", /no such weights/],
    ["fake/rubbish", /could not be|not supported/],
    ["fake/wrong-size", /8 × 8, not 256 × 256/],
  ])("%s is not", async (id, reason) => {
    const { pool, happened } = poolOf([model(id)]);
    const { result } = run(pool, id);
    await expect(result).rejects.toMatchObject({ code: "model.load-failed", facts: { model: id } });
    await expect(result).rejects.toThrow(reason);
    expect(stateOf(pool, id)).toBe("failed");
    expect(happened).toEqual([`load failed ${id}`]);
  });

  test("while it has failed, jobs are refused at once; after a pause that grows it is tried again", async () => {
    const { pool, launcher, clock } = poolOf([model("fake/fails-to-load")]);
    await codeOf(run(pool, "fake/fails-to-load").result);
    for (const [pause, launches] of [
      [1000, 2],
      [2000, 3],
    ] as const) {
      await clock.advance(ms(pause - 1));
      expect(await codeOf(run(pool, "fake/fails-to-load").result)).toBe("model.load-failed");
      expect(launcher.launched).toHaveLength(launches - 1);
      await clock.advance(ms(1));
      expect(await codeOf(run(pool, "fake/fails-to-load").result)).toBe("model.load-failed");
      expect(launcher.launched).toHaveLength(launches);
    }
  });

  test("a slot that cannot be loaded is tried again after the same pauses, whatever waits for it", async () => {
    const { pool, launcher, clock } = poolOf([model("fake/good", { slots: 2 })], { launchLimit: 1 });
    const caller = new AbortController();
    const running = run(pool, "fake/good", "wait", caller.signal);
    const waiting = run(pool, "fake/good");
    await until(() => pool.find("text-to-image", "fake/good")?.running === 1);
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(launcher.refused).toBe(1);
    await clock.advance(ms(1000));
    expect(launcher.refused).toBe(2);
    caller.abort(new RivuletError("request.cancelled", {}));
    expect(await codeOf(running.result)).toBe("request.cancelled");
    expect(await codeOf(waiting.result)).toBeUndefined();
    expect(await codeOf(run(pool, "fake/good").result)).toBeUndefined();
    expect(launcher.refused).toBe(2);
    expect(pool.find("text-to-image", "fake/good")?.free).toBe(1);
    await clock.advance(ms(2000));
    expect(pool.find("text-to-image", "fake/good")?.free).toBe(2);
  });

  test("files that are not there are told as such", async () => {
    const missing = new RivuletError("model.unknown", { pipeline: "text-to-image", model: "m", offered: [] });
    const { pool } = poolOf([model("m", { locate: () => Promise.reject(missing) })]);
    await expect(run(pool, "m").result).rejects.toBe(missing);
  });
});

describe("a model that is kept warm", () => {
  test("is loaded at start, without anybody waiting, and is not unloaded when idle", async () => {
    const { pool, clock } = poolOf([model("fake/good", { keepWarm: true })], { idleUnload: ms(1000) });
    await pool.start();
    await until(() => stateOf(pool, "fake/good") === "ready");
    await clock.advance(ms(10_000));
    expect(stateOf(pool, "fake/good")).toBe("ready");
  });

  test("is warm again after its process was killed", async () => {
    const { pool, launcher, clock, happened } = poolOf([model("fake/good", { keepWarm: true })]);
    await pool.start();
    await until(() => stateOf(pool, "fake/good") === "ready");
    launcher.launched[0]?.kill();
    await until(() => happened.includes("crashed fake/good"));
    await clock.advance(ms(0));
    await until(() => stateOf(pool, "fake/good") === "ready");
    expect(launcher.launched).toHaveLength(2);
    expect(await codeOf(run(pool, "fake/good").result)).toBeUndefined();
  });

  test("is warm again at once when it was well for long before it crashed", async () => {
    const { pool, launcher, clock } = poolOf([model("fake/good", { keepWarm: true })]);
    await pool.start();
    for (let crashes = 0; crashes < 3; crashes++) {
      await until(() => stateOf(pool, "fake/good") === "ready");
      await clock.advance(ms(60_000));
      launcher.launched.at(-1)?.kill();
      await until(() => stateOf(pool, "fake/good") !== "ready");
      await clock.advance(ms(0));
    }
    await until(() => stateOf(pool, "fake/good") === "ready");
  });

  test("that crashes as soon as it is loaded is tried again after pauses that grow, and says why meanwhile", async () => {
    const { pool, launcher, clock } = poolOf([model("fake/good", { keepWarm: true })]);
    await pool.start();
    for (const pause of [0, 2000, 4000, 8000]) {
      await until(() => stateOf(pool, "fake/good") === "ready");
      launcher.launched.at(-1)?.kill();
      await until(() => stateOf(pool, "fake/good") !== "ready");
      expect(pool.find("text-to-image", "fake/good")?.failure?.code).toBe("runner.crashed");
      const launches = launcher.launched.length;
      if (pause > 0) {
        await clock.advance(ms(pause - 1));
        expect([stateOf(pool, "fake/good"), launcher.launched.length]).toEqual(["failed", launches]);
      }
      await clock.advance(ms(1));
    }
    await until(() => stateOf(pool, "fake/good") === "ready");
  });

  test("has not crashed when a job that was called off had to be ended by force", async () => {
    const { pool, clock, happened } = poolOf([model("fake/good", { keepWarm: true })]);
    for (let jobs = 0; jobs < 3; jobs++) {
      const caller = new AbortController();
      const deaf = run(pool, "fake/good", "deaf", caller.signal);
      await until(() => deaf.events.some(({ kind }) => kind === "started"));
      caller.abort(new RivuletError("request.cancelled", {}));
      const next = run(pool, "fake/good");
      await clock.advance(ms(10_000));
      expect(await codeOf(deaf.result)).toBe("request.cancelled");
      expect(await codeOf(next.result)).toBeUndefined();
    }
    expect(happened).toEqual(new Array(4).fill("loaded fake/good"));
  });

  test("does not hold up others that cannot be loaded", async () => {
    const { pool } = poolOf([model("fake/fails-to-load", { keepWarm: true }), model("fake/good", { keepWarm: true })]);
    await pool.start();
    await until(() => stateOf(pool, "fake/good") === "ready");
    expect(stateOf(pool, "fake/fails-to-load")).toBe("failed");
  });
});

describe("memory", () => {
  const two = [model("fake/a", {}, 600), model("fake/b", {}, 600)];

  test("for a model that is asked for is taken from one that is idle", async () => {
    const { pool, happened } = poolOf(two);
    await run(pool, "fake/a").result;
    await run(pool, "fake/b").result;
    expect(happened).toEqual(["loaded fake/a", "evicted fake/a", "loaded fake/b"]);
  });

  test("is given in the order it was asked for: a busy model does the jobs that came before, then gives way", async () => {
    const { pool, happened } = poolOf(two);
    await run(pool, "fake/a").result;
    const caller = new AbortController();
    const busy = run(pool, "fake/a", "wait", caller.signal);
    const before = run(pool, "fake/a");
    const other = run(pool, "fake/b");
    await turn();
    const after = run(pool, "fake/a");
    caller.abort(new RivuletError("request.cancelled", {}));
    await codeOf(busy.result);
    await Promise.all([before.result, other.result, after.result]);
    expect(happened).toEqual(["loaded fake/a", "evicted fake/a", "loaded fake/b", "evicted fake/b", "loaded fake/a"]);
  });

  test("that a caller no longer waits for is not taken", async () => {
    const { pool, happened } = poolOf(two);
    const holder = new AbortController();
    const busy = run(pool, "fake/a", "wait", holder.signal);
    await until(() => pool.find("text-to-image", "fake/a")?.running === 1);
    const caller = new AbortController();
    const leaving = run(pool, "fake/b", "", caller.signal);
    await turn();
    caller.abort(new RivuletError("request.cancelled", {}));
    expect(await codeOf(leaving.result)).toBe("request.cancelled");
    const next = run(pool, "fake/a");
    holder.abort(new RivuletError("request.cancelled", {}));
    await codeOf(busy.result);
    await next.result;
    expect(happened).toEqual(["loaded fake/a"]);
  });

  test("of a model that is kept warm is not taken for one that is not", async () => {
    const { pool } = poolOf([model("fake/a", { keepWarm: true }, 600), model("fake/b", {}, 600)]);
    await pool.start();
    await until(() => stateOf(pool, "fake/a") === "ready");
    expect(await codeOf(run(pool, "fake/b").result)).toBe("model.load-failed");
    expect(stateOf(pool, "fake/a")).toBe("ready");
  });

  test("is accounted for when a model is loaded while it is being unloaded", async () => {
    const { pool } = poolOf([model("fake/a", {}, 600)]);
    await run(pool, "fake/a").result;
    const a = pool.find("text-to-image", "fake/a");
    await Promise.all([a?.evict(), a?.bringUp()]);
    expect([a?.state, Math.round((a?.heldBytes ?? 0) / MB)]).toEqual(["ready", 600]);
  });

  test("is never given to a model larger than all of it", async () => {
    const { pool, launcher } = poolOf([model("fake/huge", {}, 2000)]);
    expect(await codeOf(run(pool, "fake/huge").result)).toBe("model.load-failed");
    expect(launcher.launched).toHaveLength(0);
  });
});

describe("a job that runs out of memory", () => {
  test("is done once more when idle models could make room", async () => {
    const { pool, happened } = poolOf([model("fake/a"), model("fake/b")]);
    await run(pool, "fake/b").result;
    await run(pool, "fake/a").result;
    await run(pool, "fake/a").result;
    expect(await codeOf(run(pool, "fake/a", "large").result)).toBeUndefined();
    expect(happened).toEqual(["loaded fake/b", "loaded fake/a", "evicted fake/b"]);
  });

  test("does not make its model too large to be loaded again, nor take all memory from the others", async () => {
    const { pool, clock } = poolOf([model("fake/a", {}, 600), model("fake/b", { keepWarm: true }, 300)], {
      idleUnload: ms(1000),
    });
    await pool.start();
    for (let jobs = 0; jobs < 5; jobs++) {
      expect(await codeOf(run(pool, "fake/a", "large").result)).toBe("runner.out-of-memory");
      await run(pool, "fake/a").result;
    }
    expect(Math.round((pool.find("text-to-image", "fake/a")?.heldBytes ?? 0) / MB)).toBe(750);
    await clock.advance(ms(1000));
    await until(() => stateOf(pool, "fake/a") === "cold");
    expect(await codeOf(run(pool, "fake/a").result)).toBeUndefined();
  });

  test("fails when there is nothing to give up", async () => {
    const { pool } = poolOf([model("fake/a"), model("fake/b", { keepWarm: true })]);
    await pool.start();
    await until(() => stateOf(pool, "fake/b") === "ready");
    await run(pool, "fake/a").result;
    await run(pool, "fake/a").result;
    expect(await codeOf(run(pool, "fake/a", "large").result)).toBe("runner.out-of-memory");
  });
});

describe("stopping", () => {
  test("ends jobs that run or wait, whatever they do, and leaves no host", async () => {
    const { pool, launcher } = poolOf([model("fake/good")]);
    await run(pool, "fake/good").result;
    const jobs = [run(pool, "fake/good", "deaf"), run(pool, "fake/good")];
    await turn();
    await pool.stop();
    expect(await Promise.all(jobs.map(({ result }) => codeOf(result)))).toEqual(["node.stopping", "node.stopping"]);
    await Promise.all(launcher.launched.map(({ exited }) => exited));
    expect(await codeOf(run(pool, "fake/good").result)).toBe("node.stopping");
  });

  test("is possible while a model loads", async () => {
    const { pool } = poolOf([model("fake/never-loads", { keepWarm: true })]);
    await pool.start();
    await turn();
    await pool.stop();
    expect(pool.models[0]?.running).toBe(0);
  });
});

describe("with child processes", () => {
  test("a job whose process dies fails as crashed, and the next one is done by a new process", async () => {
    const { pool, launcher } = poolOf([model("fake/good", { keepWarm: true })], { inner: inProcess });
    expect(await codeOf(run(pool, "fake/good", "crash").result)).toBe("runner.crashed");
    expect(await codeOf(run(pool, "fake/good").result)).toBeUndefined();
    expect(launcher.launched).toHaveLength(2);
  });

  test("what was measured replaces the estimate", async () => {
    const { pool } = poolOf([model("fake/good", {}, 1)], { inner: inProcess });
    await run(pool, "fake/good").result;
    expect(pool.find("text-to-image", "fake/good")?.heldBytes).toBeGreaterThan(16 * MB);
  });
});
