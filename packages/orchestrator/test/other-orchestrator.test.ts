import { connectNodeAdapter } from "@connectrpc/connect-node";
import { textToImage } from "@rivulet/pipelines";
import { silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock, turn } from "@rivulet/testkit";
import { AIWorkerService, encodeWorkerRequest, type WorkerJob, workerJobMessage } from "@rivulet/wire";
import { expect, test } from "vitest";
import type { JobResult } from "../src/executor.ts";
import { MemoryExecutor } from "../src/executors/memory.ts";
import { answer } from "../src/http/exchange.ts";
import { Listener } from "../src/http/listener.ts";
import { Worker } from "../src/worker/worker.ts";
import { LOOPBACK } from "./orchestrator-world.ts";

/** An orchestrator as others may be written: hands out the jobs it is given, and notes for which numbers results came. */
async function orchestratorWith(jobs: () => AsyncIterable<WorkerJob>, losesResults = 0) {
  const results: string[] = [];
  const grpc = connectNodeAdapter({
    routes: (router) =>
      router.service(AIWorkerService, {
        async *registerAIWorker() {
          for await (const job of jobs()) yield workerJobMessage(job);
        },
      }),
  });
  const listener = new Listener(LOOPBACK, undefined, (request, response) => {
    if (request.url !== "/aiResults") return grpc(request, response);
    results.push(`${request.headers["taskid"]} ${request.headers["content-type"]}`);
    if (results.length <= losesResults) return void request.socket.destroy();
    request.resume().on("end", () => answer(response, 200, {}, "OK"));
  });
  await listener.start();
  return { listener, results };
}

const requestData = (prompt: string) => encodeWorkerRequest({ inputUrl: "", request: { prompt, model_id: "m" } });
const empty: JobResult = { kind: "response", response: { images: [] }, files: new Map(), timings: {} };

test("a number that is given out anew is another job: nothing is posted for the one before", async () => {
  const begun: string[] = [];
  async function* jobs() {
    yield { taskId: 0n, pipeline: "text-to-image", requestData: requestData("old") };
    while (begun.length < 1) await turn();
    yield { taskId: 0n, pipeline: "text-to-image", requestData: requestData("new") };
    await new Promise(() => {});
  }
  const executor = new MemoryExecutor([{ pipeline: textToImage, model: "m", slots: 2 }], async (job, signal) => {
    begun.push(String(job.request["prompt"]));
    if (begun.length === 1)
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    return empty;
  });
  const { listener, results } = await orchestratorWith(jobs);
  const ports = { clock: new TestClock(), randomness: seededRandomness(1), log: silentLogger, executor };
  const worker = new Worker({ orchestrator: listener.url, secret: "s" }, ports);
  await worker.start();
  while (results.length < 1) await turn();
  while (worker.jobs > 0) await turn();
  expect(begun).toEqual(["old", "new"]);
  expect(results).toEqual([expect.stringMatching(/^0 multipart\/mixed/)]);
  await worker.stop();
  await listener.stop();
});

test("a result that nobody took makes the worker register anew, so that it is told of the job again", async () => {
  let registrations = 0;
  async function* jobs() {
    registrations += 1;
    yield { taskId: 7n, pipeline: "text-to-image", requestData: requestData("p") };
    await new Promise(() => {});
  }
  const executor = new MemoryExecutor([{ pipeline: textToImage, model: "m", slots: 1 }], async () => empty);
  const { listener, results } = await orchestratorWith(jobs, 1);
  const ports = { clock: new TestClock(), randomness: seededRandomness(1), log: silentLogger, executor };
  const worker = new Worker({ orchestrator: listener.url, secret: "s" }, ports);
  await worker.start();
  while (results.length < 2) await turn();
  while (worker.jobs > 0) await turn();
  expect(registrations).toBe(2);
  await worker.stop();
  await listener.stop();
});
