import { findPipeline, type Pipeline, parseRequest } from "@rivulet/pipelines";
import {
  type Clock,
  isError,
  type Logger,
  modelId,
  type Randomness,
  RivuletError,
  randomId,
} from "@rivulet/primitives";
import { decodeWorkerRequest, type WorkerJob } from "@rivulet/wire";
import type { Dispatcher } from "undici";
import type { AdmittedJob, Executor, Slot } from "../executor.ts";
import { fetchInput } from "./input.ts";
import type { ResultPoster } from "./result-poster.ts";

export interface WorkerJobPorts {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
  readonly executor: Executor;
  readonly dispatcher: Dispatcher;
  readonly poster: ResultPoster;
  /** Whether the job came from one of our own orchestrators. */
  readonly isOurs: boolean;
}

/**
 * Does one job and posts what came of it. Resolves when that is posted; throws only what posting throws.
 * Source: wire-protocol 5.4.
 */
export async function doWorkerJob(job: WorkerJob, ports: WorkerJobPorts, signal: AbortSignal, posting: AbortSignal) {
  const { clock, log, executor, poster } = ports;
  const began = clock.monotonic();
  const fields = { task: job.taskId, pipeline: job.pipeline };
  let hasPosted = false;
  try {
    const admitted = await validated(job, ports, signal);
    using slot = executor.tryReserve(admitted.pipeline, admitted.model);
    if (slot === undefined) throw new RivuletError("worker.none-available", {});
    const outcome = await slot.run(admitted, { signal });
    // The slot comes back before the result arrives: from then on the orchestrator counts on it.
    if (outcome.kind === "stream") {
      hasPosted = true;
      await poster.postStream(job, { ...outcome, events: heldUntilEnd(outcome.events, slot) }, signal);
    } else {
      slot[Symbol.dispose]();
      const result = poster.encode(admitted.pipeline, outcome);
      hasPosted = true;
      await poster.postResult(job, result, posting);
    }
    log.info("job finished", { ...fields, model: admitted.model, tookMs: Math.round(clock.monotonic() - began) });
  } catch (error) {
    const { cause, text } =
      error instanceof Invalid ? { cause: error.cause, text: error.message } : { cause: error, text: undefined };
    log.warn("job failed", { ...fields, reason: isError(cause) ? cause.code : "internal" });
    // One word only for each job: what did not arrive is not followed by an error that would.
    if (hasPosted) throw error;
    await poster.postError(job, cause, { isOurs: ports.isOurs, text }, posting);
  }
}

async function* heldUntilEnd(events: AsyncIterable<string>, slot: Slot): AsyncGenerator<string> {
  using _slot = slot;
  yield* events;
}

/** A job that is refused before it begins, with the text the network has for that. */
class Invalid extends Error {
  override readonly name = "Invalid";
}

async function validated(job: WorkerJob, ports: WorkerJobPorts, signal: AbortSignal): Promise<AdmittedJob> {
  try {
    const pipeline = findPipeline(job.pipeline);
    if (pipeline?.kind !== "batch")
      throw new RivuletError("worker.job-failed", { reason: "AI request pipeline type not supported" });
    const { inputUrl, request: told } = decodeWorkerRequest(job.requestData);
    const request = parseRequest(pipeline, told);
    const model = modelId(namedModel(pipeline, request));
    const media = await fetchInput(pipeline, told, inputUrl, { dispatcher: ports.dispatcher, signal });
    return { requestId: randomId(ports.randomness), pipeline, model, request, media };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "unreadable";
    throw new Invalid(`AI request validation failed for ${job.pipeline} pipeline err=${reason}`, { cause });
  }
}

function namedModel(pipeline: Pipeline, request: Readonly<Record<string, unknown>>): string {
  const model = request[pipeline.modelField];
  if (typeof model === "string" && model !== "") return model;
  throw new RivuletError("request.invalid", {
    problems: [{ loc: ["body", pipeline.modelField], msg: "is required", type: "missing" }],
  });
}
