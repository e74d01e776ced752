import { llm, textToImage } from "@rivulet/pipelines";
import { modelId, RivuletError, seconds, silentLogger } from "@rivulet/primitives";
import {
  answersWell,
  executorContract,
  FakeRunner,
  Gate,
  seededRandomness,
  TestClock,
  tells,
  turn,
} from "@rivulet/testkit";
import { capabilitiesOfOffers, offersOfCapabilities } from "../advertise.ts";
import type { JobResult, JobStream, ModelOffer } from "../executor.ts";
import { ResultStore } from "../result-store.ts";
import type { Notification } from "../workers/attached-worker.ts";
import { WorkerRegistry } from "../workers/registry.ts";
import { Tasks } from "../workers/tasks.ts";
import { MemoryExecutor } from "./memory.ts";
import { RemoteWorkers } from "./remote-workers.ts";
import { RunnerHttp } from "./runner-http.ts";

const models = [
  { pipeline: textToImage, model: "m", slots: 2 },
  { pipeline: llm, model: "m", slots: 1 },
];
const outOfMemory = () => new RivuletError("runner.out-of-memory", {});

executorContract("memory", async () => {
  let as = "answer";
  let arrived = 0;
  const executor = new MemoryExecutor(models, async (job, signal) => {
    arrived += 1;
    if (as === "fail") throw outOfMemory();
    if (as === "hold")
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    return job.pipeline === llm ? stream() : picture();
  });
  return {
    executor,
    behave: (next) => {
      as = next;
    },
    arrived: (count) => until(() => arrived >= count),
    calledOff: turn,
    stop: async () => {},
  };
});

executorContract("a runner over HTTP", async () => {
  const runner = new FakeRunner(models.map(({ pipeline, ...model }) => ({ pipeline: pipeline.name, ...model })));
  await runner.start();
  const executor = new RunnerHttp({ url: runner.url, models: [] }, { clock: new TestClock(), log: silentLogger });
  await executor.start();
  const gate = new Gate();
  const behaviours = {
    answer: answersWell,
    hold: gate.before(answersWell),
    fail: tells(new RivuletError("runner.out-of-memory", { reason: "no room" })),
  };
  return {
    executor,
    behave: (as) => runner.behave(behaviours[as]),
    arrived: (count) => runner.arrived(count),
    calledOff: () => until(() => runner.jobs.every(({ left }) => left.aborted)),
    stop: async () => {
      gate.open();
      await executor.stop();
      await runner.stop();
    },
  };
});

executorContract("attached workers", async () => {
  const clock = new TestClock();
  const randomness = seededRandomness(1);
  const ports = { clock, randomness, log: silentLogger };
  const registry = new WorkerRegistry({ grace: seconds(5) }, ports);
  const tasks = new Tasks({ limit: seconds(900) }, ports);
  const results = new ResultStore({}, ports);
  const executor = new RemoteWorkers({ registry, tasks, results, urlOf: (path) => path, log: silentLogger });
  const offers: readonly ModelOffer[] = offersOfCapabilities(
    capabilitiesOfOffers(
      models.map((model) => ({ ...model, model: modelId(model.model), isWarm: true, free: 0, runnerVersion: "1.0.0" })),
      "slots",
    ),
  );
  const { connection } = registry.connect(undefined, { offers, hardware: [] });
  let as = "answer";
  const arrived: Notification[] = [];
  const working = (async () => {
    for await (const job of connection.notifications()) {
      arrived.push(job);
      if (as === "answer") tasks.take(job.taskId)?.resolve(job.pipeline === "llm" ? stream() : picture());
      if (as === "fail") tasks.take(job.taskId)?.reject(outOfMemory());
    }
  })();
  return {
    executor,
    behave: (next) => {
      as = next;
    },
    arrived: (count) => until(() => arrived.length >= count),
    calledOff: async () => {
      for (const { taskId } of arrived) tasks.take(taskId);
      await turn();
    },
    stop: async () => {
      registry.stop();
      await working;
    },
  };
});

function picture(): JobResult {
  return {
    kind: "response",
    response: { images: [{ url: "a", seed: 7, nsfw: false }] },
    files: new Map(),
    timings: {},
  };
}

function stream(): JobStream {
  const event = (reason: string) => JSON.stringify({ choices: [{ index: 0, finish_reason: reason }] });
  async function* events() {
    yield event("");
    yield event("");
    yield event("stop");
  }
  return { kind: "stream", events: events(), timings: {} };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}
