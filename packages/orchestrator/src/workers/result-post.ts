import type { Pipeline } from "@rivulet/pipelines";
import { type BodyBudget, codeOf, isError, type Logger, RivuletError } from "@rivulet/primitives";
import { parseMultipart, readChunks, readErrorBody, readLegacyPhrase, readResultHead, resultOf } from "@rivulet/wire";
import type { JobStream } from "../executor.ts";
import { answer, breakOff, type HttpRequest, type HttpResponse, headerOf } from "../http/exchange.ts";
import { readRequestBody } from "../http/request-body.ts";
import { timingsOf } from "../job-timings.ts";
import { MAX_ERROR_BYTES, MAX_POSTED_ERROR_BYTES, MAX_RESULT_BYTES } from "../limits.ts";
import { toldError } from "../peer-error.ts";
import type { Task, Tasks } from "./tasks.ts";

export interface ResultPostPorts {
  readonly tasks: Tasks;
  /** Where results are counted while they arrive. */
  readonly bodies: BodyBudget;
  readonly log: Logger;
}

/**
 * Takes a worker's result: `POST /aiResults`. Source: wire-protocol 5.5.
 *
 * Nothing of a body is read before the secret is known to be right and somebody waits for the result. A result that
 * cannot be read fails its job, because a worker posts once and never again; one that breaks off loses its worker.
 */
export async function takeResult(
  request: HttpRequest,
  response: HttpResponse,
  secret: string,
  { tasks, bodies, log }: ResultPostPorts,
): Promise<void> {
  const head = readResultHead(request.headers, secret);
  const task = tasks.take(Number(head.taskId));
  if (task === undefined) throw new RivuletError("worker.task-unknown", {});
  try {
    if (head.pipeline !== task.pipeline.name)
      throw new RivuletError("request.malformed", { reason: "the task is of another pipeline" });
    using room = bodies.open();
    const { signal } = task;
    const timings = timingsOf(headerOf(request, "server-timing"));
    if (head.kind === "result") {
      const body = await readRequestBody(request, { maxBytes: MAX_RESULT_BYTES, room, signal });
      const { response: result, files } = resultOf(parseMultipart(body, head.boundary));
      task.resolve({ kind: "response", response: checked(task.pipeline, result), files, timings });
    } else if (head.kind === "events") {
      await relayed(request, task, timings);
    } else {
      const told = await readRequestBody(request, { maxBytes: MAX_POSTED_ERROR_BYTES, room, signal });
      task.reject(workerError(task, told.toString("utf8", 0, MAX_ERROR_BYTES).trim()));
    }
  } catch (error) {
    log.warn("result not taken", { worker: task.worker.id, pipeline: task.pipeline.name, model: task.model });
    const reason = error instanceof Error ? error.message : "unreadable";
    const code = isError(error, "request.cancelled") ? "worker.lost" : "worker.job-failed";
    task.reject(new RivuletError(code, { reason }, { cause: error }));
    throw error;
  }
  answer(response, 200, { "content-type": "text/plain; charset=utf-8" }, "OK");
}

/**
 * Hands the events on, and resolves when the last has been read and the worker has ended its body: only then is its slot
 * free there too. Rejects when the stream breaks off, or its job is called off.
 */
function relayed(request: HttpRequest, task: Task, timings: JobStream["timings"]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const calledOff = () => {
    reject(task.signal.reason);
    breakOff(request);
  };
  task.signal.addEventListener("abort", calledOff, { once: true });
  async function* events(): AsyncGenerator<string> {
    try {
      yield* readChunks(request.iterator({ destroyOnReturn: false }));
      // Blank lines that some send after the end.
      for await (const _ of request);
      resolve();
    } catch (cause) {
      task.signal.throwIfAborted();
      throw new RivuletError("worker.lost", { reason: "its event stream broke off" }, { cause });
    } finally {
      task.signal.removeEventListener("abort", calledOff);
      reject(new RivuletError("request.cancelled", {}));
      if (!request.readableEnded) breakOff(request);
    }
  }
  task.resolve({ kind: "stream", events: events(), timings });
  return promise;
}

/** The error behind a worker's text: as ours tell it, else by the phrases of the network. */
function workerError(task: Task, text: string): RivuletError {
  const told = readErrorBody(text);
  if (told !== undefined) return toldError(told, "worker.lost");
  const { error } = readLegacyPhrase(text, { pipeline: task.pipeline.name, model: task.model });
  return codeOf(error) === "peer.failed" ? new RivuletError("worker.job-failed", { reason: text }) : error;
}

function checked(pipeline: Pipeline, response: unknown): Record<string, unknown> {
  const parsed = pipeline.response.safeParse(response);
  if (!parsed.success)
    throw new RivuletError("request.malformed", { reason: "the result is not of the pipeline's form" });
  return { ...Object(parsed.data) };
}
