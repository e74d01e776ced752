import { type ErrorCode, isError, ms, RivuletError, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock, turn } from "@rivulet/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { implementations } from "../../test/fake-implementations.ts";
import { hostProcesses } from "../../test/host-processes.ts";
import type { Progress } from "../implementation.ts";
import { systemClock } from "../system.ts";
import { memoryLauncher } from "./memory-host.ts";
import type { HostLauncher } from "./messages.ts";
import { ModelHost, type ModelHostOptions } from "./model-host.ts";
import { processLauncher } from "./process-host.ts";
import type { HostImplementations } from "./serve-host.ts";

const FAKES = new URL("../../test/fake-implementations.ts", import.meta.url);
const inProcess = processLauncher({ implementations: FAKES, log: silentLogger });
const inMemory = memoryLauncher({
  implementations: implementations as unknown as HostImplementations,
  randomness: seededRandomness(1),
  clock: new TestClock(),
  log: silentLogger,
});

const open: ModelHost[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((host) => host.stop()));
});

function hostOf(
  launcher: HostLauncher,
  model = "fake/good",
  more: Partial<ModelHostOptions> = {},
  clock = systemClock,
) {
  const host = new ModelHost(
    { model: { pipeline: "text-to-image", model, directory: "/nowhere", threads: 1 }, ...more },
    { launcher, clock },
  );
  open.push(host);
  return host;
}

function work(prompt: string, seed = 7) {
  return { request: { prompt, width: 16, height: 8, seed, num_images_per_prompt: 1 }, media: {} };
}

function listening(signal = new AbortController().signal) {
  const heard: Progress[] = [];
  return { heard, options: { signal, onProgress: (progress: Progress) => void heard.push(progress) } };
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => (isError(error) ? error.code : "internal"),
  );
}

describe.each([
  ["a child process", inProcess],
  ["this process", inMemory],
])("a model host in %s", (_name, launcher) => {
  test("loads a model, runs its jobs one after the other and tells each step", async () => {
    const loading: Progress[] = [];
    const host = hostOf(launcher, "fake/good", { onLoading: (progress) => void loading.push(progress) });
    await host.start();
    expect(loading).toEqual([{ kind: "loading", stage: "session", loaded: 1, total: 1 }]);

    const { heard, options } = listening();
    const first = await host.run(work("steps=3", 5), options);
    expect(first).toMatchObject({ images: [{ seed: 5, nsfw: false }] });
    expect(heard.map((progress) => progress.kind === "step" && progress.step)).toEqual([1, 2, 3]);
    expect(await host.run(work("", 6), listening().options)).toMatchObject({ images: [{ seed: 6 }] });
  });

  test("keeps the code and facts of an error the model meant, and tells the text of any other", async () => {
    const host = hostOf(launcher);
    await host.start();
    await expect(host.run(work("refuse"), listening().options)).rejects.toMatchObject({
      code: "request.rejected-by-model",
      facts: { reason: "sizes must be multiples of 64" },
    });
    await expect(host.run(work("fail"), listening().options)).rejects.toMatchObject({
      code: "runner.failed",
      facts: { reason: "tensor of the wrong shape" },
    });
    expect(await codeOf(host.run(work(""), listening().options))).toBeUndefined();
  });

  test("stops a job that is called off within one step, and is free for the next", async () => {
    const host = hostOf(launcher);
    await host.start();
    const caller = new AbortController();
    const { heard, options } = listening(caller.signal);
    const reason = new RivuletError("request.cancelled", {});
    const running = host.run(work("steps=1000000 block=2"), {
      ...options,
      onProgress: (progress) => {
        options.onProgress(progress);
        if (heard.length === 3) caller.abort(reason);
      },
    });
    await expect(running).rejects.toBe(reason);
    expect(heard.length).toBeLessThan(1000);
    expect(await codeOf(host.run(work(""), listening().options))).toBeUndefined();
  });

  test("ends when a job that was called off outlasts the grace", async () => {
    const clock = new TestClock();
    const host = hostOf(launcher, "fake/good", { cancelGrace: ms(10_000) }, clock);
    await host.start();
    const caller = new AbortController();
    const { options } = listening(caller.signal);
    const running = codeOf(host.run(work("steps=1 deaf"), options));
    caller.abort(new RivuletError("request.cancelled", {}));
    await turn();
    await clock.advance(ms(9_999));
    expect(host.isAlive).toBe(true);
    await clock.advance(ms(1));
    expect(await running).toBe("request.cancelled");
    await host.ended;
    expect(host.isAlive).toBe(false);
  });

  test("says why a model could not be loaded", async () => {
    const host = hostOf(launcher, "fake/fails-to-load");
    await expect(host.start()).rejects.toMatchObject({
      code: "model.load-failed",
      facts: { pipeline: "text-to-image", model: "fake/fails-to-load", reason: "no such weights" },
    });
    expect(host.isAlive).toBe(false);
  });

  test("says what helps a model that does not fit into memory", async () => {
    await expect(hostOf(launcher, "fake/too-large").start()).rejects.toMatchObject({
      facts: { reason: expect.stringMatching(/^std::bad_alloc; .*fewer models in memory/) },
    });
  });

  test("gives up a model that does not load in time", async () => {
    const clock = new TestClock();
    const host = hostOf(launcher, "fake/never-loads", { timeoutLoad: ms(1000) }, clock);
    const starting = codeOf(host.start());
    await clock.advance(ms(1000));
    expect(await starting).toBe("model.load-failed");
  });

  test("can be stopped while it loads", async () => {
    const host = hostOf(launcher, "fake/never-loads");
    const starting = codeOf(host.start());
    await host.stop();
    expect(await starting).toBe("model.load-failed");
  });
});

test("a model host whose line is cut is ended, and its job fails", async () => {
  const exited = Promise.withResolvers<{ reason: string }>();
  const cut: (() => void)[] = [];
  const launcher: HostLauncher = {
    launch: () => ({
      channel: {
        send() {},
        onMessage: (listener) => listener({ kind: "loaded", example: {} }),
        onClose: (listener) => void cut.push(listener),
        close() {},
      },
      kill: () => exited.resolve({ reason: "signal SIGKILL" }),
      exited: exited.promise,
    }),
  };
  const host = hostOf(launcher);
  await host.start();
  const running = codeOf(host.run(work(""), listening().options));
  for (const listener of cut) listener();
  expect(await running).toBe("runner.crashed");
  expect(await host.ended).toMatchObject({ isCrash: true });
});

describe("a model host in a child process", () => {
  test("that dies fails its job with what the process last said, and leaves nothing behind", async () => {
    const host = hostOf(inProcess);
    await host.start();
    const running = host.run(work("crash"), listening().options);
    await expect(running).rejects.toMatchObject({
      code: "runner.crashed",
      facts: { reason: expect.stringMatching(/^signal SIGKILL, .*memory/) },
    });
    expect(host.isAlive).toBe(false);
    expect(await codeOf(host.run(work(""), listening().options))).toBe("runner.crashed");
    expect(hostProcesses()).toEqual([]);
  });

  test("that dies while loading tells its last words", async () => {
    const host = hostOf(inProcess, "fake/dies-loading");
    await expect(host.start()).rejects.toMatchObject({
      facts: { reason: "the model process ended: exit 3: libfake.so: cannot open shared object file" },
    });
  });

  test("is ended although it holds its thread for ever", async () => {
    const clock = new TestClock();
    const host = hostOf(inProcess, "fake/good", { cancelGrace: ms(10_000) }, clock);
    await host.start();
    const caller = new AbortController();
    const { heard, options } = listening(caller.signal);
    const started = Promise.withResolvers<void>();
    const hung = host.run(work("steps=1 hang"), {
      ...options,
      onProgress: (progress) => {
        heard.push(progress);
        started.resolve();
      },
    });
    const running = codeOf(hung);
    await started.promise;
    caller.abort(new RivuletError("request.cancelled", {}));
    await clock.advance(ms(10_000));
    expect(await running).toBe("request.cancelled");
    await host.ended;
    expect(hostProcesses()).toEqual([]);
  });

  test("tells the most memory it has held", async () => {
    const host = hostOf(inProcess);
    await host.start();
    expect(host.peakBytes).toBeGreaterThan(16 * 1024 * 1024);
  });
});
