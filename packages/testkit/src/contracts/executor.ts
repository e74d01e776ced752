import type { AdmittedJob, Executor, JobResult, JobStream } from "@rivulet/orchestrator";
import { llm, type Pipeline, parseRequest, textToImage } from "@rivulet/pipelines";
import { codeOf, modelId, RivuletError } from "@rivulet/primitives";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** An executor under test, which offers `textToImage` (2 slots) and `llm` (1 slot) as model `m`, both warm. */
export interface ExecutorUnderTest {
  readonly executor: Executor;
  /** What happens to jobs: `answer` at once, `hold` until `release` is called, `fail` with the runner's own failure. */
  readonly behave: (as: "answer" | "hold" | "fail") => void;
  /** Resolves when so many jobs have reached whoever does them. */
  readonly arrived: (count: number) => Promise<void>;
  /** Resolves when the work of a called-off job has ended, where the executor can know. */
  readonly calledOff: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** What every executor promises, called by each with its own world. */
export function executorContract(name: string, open: () => Promise<ExecutorUnderTest>): void {
  describe(`the executor contract: ${name}`, () => {
    let world: ExecutorUnderTest;
    beforeEach(async () => {
      world = await open();
    });
    afterEach(async () => {
      await world.stop();
    });

    const freeOf = (pipeline: Pipeline) =>
      world.executor.offers().find((offer) => offer.pipeline === pipeline)?.free ?? 0;
    const reserve = (pipeline: Pipeline) => {
      const slot = world.executor.tryReserve(pipeline, MODEL);
      if (slot === undefined) throw new Error("no slot");
      return slot;
    };

    test("it offers its models with their slots", () => {
      const offers = world.executor.offers().map((offer) => ({ ...offer, pipeline: offer.pipeline.name }));
      expect(offers).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ pipeline: "text-to-image", model: "m", isWarm: true, slots: 2, free: 2 }),
          expect.objectContaining({ pipeline: "llm", model: "m", isWarm: true, slots: 1, free: 1 }),
        ]),
      );
    });

    test("slots are taken until none is left, and come back", () => {
      const first = reserve(textToImage);
      const second = reserve(textToImage);
      expect(freeOf(textToImage)).toBe(0);
      expect(world.executor.tryReserve(textToImage, MODEL)).toBeUndefined();
      first[Symbol.dispose]();
      expect(freeOf(textToImage)).toBe(1);
      second[Symbol.dispose]();
      second[Symbol.dispose]();
      expect(freeOf(textToImage)).toBe(2);
    });

    test("a model that is not offered has no slot", () => {
      expect(world.executor.tryReserve(textToImage, modelId("another"))).toBeUndefined();
    });

    test("a job is done and its slot comes back", async () => {
      world.behave("answer");
      const result = await (async () => {
        using slot = reserve(textToImage);
        return await slot.run(imageJob, { signal: NEVER });
      })();
      expect(responseOf(result)).toMatchObject({ images: [{ seed: 7, nsfw: false }] });
      expect(freeOf(textToImage)).toBe(2);
    });

    test("a stream is passed on event by event, and its slot comes back after the last", async () => {
      world.behave("answer");
      const events: unknown[] = [];
      {
        using slot = reserve(llm);
        const outcome = await slot.run(streamJob, { signal: NEVER });
        if (outcome.kind !== "stream") throw new Error("not a stream");
        expect(freeOf(llm)).toBe(0);
        for await (const event of outcome.events) events.push(JSON.parse(event));
      }
      expect(events).toHaveLength(3);
      expect(events.at(-1)).toMatchObject({ choices: [{ finish_reason: "stop" }] });
      expect(freeOf(llm)).toBe(1);
    });

    test("a failure is one of ours and gives the slot back", async () => {
      world.behave("fail");
      await expect(runOnce(world.executor, NEVER)).rejects.toSatisfy(
        (error) => codeOf(error) === "runner.out-of-memory",
      );
      expect(freeOf(textToImage)).toBe(2);
    });

    test("a job that is called off ends with the reason, and its slot comes back when the work has ended", async () => {
      world.behave("hold");
      const controller = new AbortController();
      const running = runOnce(world.executor, controller.signal);
      running.catch(() => {});
      await world.arrived(1);
      controller.abort(new RivuletError("request.cancelled", {}));
      await expect(running).rejects.toSatisfy((error) => codeOf(error) === "request.cancelled");
      await world.calledOff();
      expect(freeOf(textToImage)).toBe(2);
    });

    test("listeners hear of changes until they are disposed of", () => {
      const listening = world.executor.onOffersChanged(() => {});
      listening[Symbol.dispose]();
      listening[Symbol.dispose]();
    });
  });
}

const MODEL = modelId("m");
const NEVER = new AbortController().signal;

const imageJob: AdmittedJob = {
  requestId: "0".repeat(32),
  pipeline: textToImage,
  model: MODEL,
  request: parseRequest(textToImage, { prompt: "p", model_id: "m", seed: 7, width: 64, height: 64 }),
  media: {},
};

const streamJob: AdmittedJob = {
  requestId: "1".repeat(32),
  pipeline: llm,
  model: MODEL,
  request: parseRequest(llm, { messages: [{ role: "user", content: "hello" }], model: "m", stream: true }),
  media: {},
};

async function runOnce(executor: Executor, signal: AbortSignal): Promise<JobResult | JobStream> {
  using slot = executor.tryReserve(textToImage, MODEL);
  if (slot === undefined) throw new Error("no slot");
  return await slot.run(imageJob, { signal });
}

function responseOf(outcome: JobResult | JobStream): unknown {
  return outcome.kind === "response" ? outcome.response : undefined;
}
