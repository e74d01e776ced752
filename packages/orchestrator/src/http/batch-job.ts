import type { Pipeline } from "@rivulet/pipelines";
import {
  type BodyBudget,
  type BodyRoom,
  type Clock,
  clockDeadline,
  isError,
  type Logger,
  type Milliseconds,
  RivuletError,
} from "@rivulet/primitives";
import { EVENT_STREAM_HEADERS, wantsInlineImages } from "@rivulet/wire";
import type { Admission, Admitted } from "../admission.ts";
import type { ResultBytes } from "../executor.ts";
import { jobErrorText } from "../job-error-text.ts";
import { JOB_ARRIVAL_LIMIT } from "../limits.ts";
import { type HttpRequest, type HttpResponse, headerOf, untilCallerLeaves } from "./exchange.ts";
import { answerResult, answerStream } from "./job-answer.ts";
import { readJob } from "./job-body.ts";
import { paidAnswer, paidStream } from "./paid.ts";
import { Refusal, refusing } from "./refusal.ts";
import { readRequestBody } from "./request-body.ts";

export interface BatchJobPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly admission: Admission;
  readonly store: (requestId: string, file: ResultBytes) => string;
  /** Where the bodies of jobs are counted. */
  readonly bodies: BodyBudget;
  /** Aborts when the node stops waiting for jobs under way. */
  readonly stopping: AbortSignal;
}

export interface BatchJobOptions {
  readonly maxRequestBytes: number;
  readonly jobLimit: Milliseconds;
}

/** One job from a gateway, from its body to its answer. Throws `Refusal`. Source of the order: wire-protocol 4.4. */
export async function serveBatchJob(
  pipeline: Pipeline,
  request: HttpRequest,
  response: HttpResponse,
  options: BatchJobOptions,
  ports: BatchJobPorts,
): Promise<void> {
  if (request.method !== "POST") throw new RivuletError("request.method-not-allowed", {});
  using left = untilCallerLeaves(response, ports.stopping);
  using room = ports.bodies.open();
  const body = await arrived(request, options.maxRequestBytes, room, ports.clock, left);
  const asked = refusing(400, () => readJob(pipeline, headerOf(request, "content-type"), body));
  using admitted = await ports.admission.admit(asked, request.headers, ports.stopping);
  // Whoever left meanwhile wants no answer; its tickets are on its account all the same, as it believes.
  left.throwIfAborted();
  using signal = clockDeadline(ports.clock, options.jobLimit, left);
  const began = ports.clock.monotonic();
  const fields = { pipeline: pipeline.name, model: asked.model, units: admitted.work.amount };
  try {
    await run(admitted, request, response, ports, signal);
    ports.log.info("job finished", { ...fields, tookMs: Math.round(ports.clock.monotonic() - began) });
  } catch (error) {
    ports.log.warn("job failed", { ...fields, reason: isError(error) ? error.code : "internal" });
    if (!isError(error)) throw error;
    throw new Refusal(500, error, jobErrorText(pipeline, error));
  }
}

async function arrived(
  request: HttpRequest,
  maxBytes: number,
  room: BodyRoom,
  clock: Clock,
  left: AbortSignal,
): Promise<Buffer> {
  using signal = clockDeadline(clock, JOB_ARRIVAL_LIMIT, left);
  return await readRequestBody(request, { maxBytes, room, signal });
}

async function run(
  { job, slot, bill }: Admitted,
  request: HttpRequest,
  response: HttpResponse,
  { store }: BatchJobPorts,
  signal: AbortSignal,
): Promise<void> {
  const outcome = await slot.run(job, { signal });
  if (outcome.kind === "stream") {
    const { connection, ...headers } = EVENT_STREAM_HEADERS;
    // HTTP/2 has no such header.
    const both = request.httpVersionMajor === 1 ? { ...headers, connection } : headers;
    return await answerStream(response, paidStream(outcome, job.pipeline, bill, request), both, signal);
  }
  signal.throwIfAborted();
  const isInline = wantsInlineImages(headerOf(request, "authorization"));
  await answerResult(response, job, outcome, { isInline, store }, () => paidAnswer(outcome, job.pipeline, bill));
}
