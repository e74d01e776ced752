import type { Readable } from "node:stream";
import { fieldsOf, findPipeline, type Pipeline } from "@rivulet/pipelines";
import { type Milliseconds, type ModelId, modelId, ms, RivuletError } from "@rivulet/primitives";
import { encodeFormData, type Gpu, type Hardware, type MultipartBody, readChunks } from "@rivulet/wire";
import { Pool } from "undici";
import type { AdmittedJob, JobResult, JobStream } from "../executor.ts";
import { timingsOf } from "../job-timings.ts";
import { MAX_ERROR_BYTES, MAX_RESPONSE_BYTES } from "../limits.ts";
import { connectionError, gather, parsed, recordOf, whole } from "./answer.ts";
import { filmed } from "./films.ts";
import { runnerError } from "./runner-error.ts";

export interface RunnerAddress {
  /** Base URL of the runner, with a path prefix if it has one. */
  readonly url: string;
  readonly token?: string;
}

/** One model as a runner reports it. */
export interface ReportedModel {
  readonly pipeline: Pipeline;
  readonly model: ModelId;
  readonly isWarm: boolean;
  readonly slots: number;
}

export interface RunnerHealth {
  readonly isUsable: boolean;
  /** Absent from a runner that does not list its models. */
  readonly models?: readonly ReportedModel[];
}

/** How jobs and questions reach a runner, whatever it speaks. Each throws `RivuletError`. */
export interface RunnerConnection {
  /** Does one job. Aborting `signal` closes the connection, by which a runner learns that nobody waits. */
  run(job: AdmittedJob, signal: AbortSignal): Promise<JobResult | JobStream>;
  health(signal: AbortSignal): Promise<RunnerHealth>;
  /** The software version, `0.0.0` when it says none. */
  version(signal: AbortSignal): Promise<string>;
  hardware(signal: AbortSignal): Promise<Hardware>;
  close(): Promise<void>;
}

type Answered = Pick<JobResult, "response" | "files">;

/** How long an unused connection is kept, shorter than servers keep theirs. */
const IDLE: Milliseconds = ms(4000);
/** Answers about the runner itself are small. */
const MAX_REPORT_BYTES = 1_000_000;

/** HTTP towards one runner: jobs and the questions about it. Holds connections; `close` ends them. */
export class RunnerClient implements RunnerConnection {
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #authorization: Readonly<Record<string, string>>;

  constructor({ url, token }: RunnerAddress) {
    const { origin, pathname } = new URL(url);
    // Deadlines are signals; the pool has none of its own. Slots bound the connections.
    this.#pool = new Pool(origin, { headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: IDLE, pipelining: 1 });
    this.#prefix = pathname.replace(/\/+$/, "");
    this.#authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  async run(job: AdmittedJob, signal: AbortSignal): Promise<JobResult | JobStream> {
    const { contentType: type, body } = bodyOf(job);
    try {
      const answer = await this.#pool.request({
        method: "POST",
        path: `${this.#prefix}/${job.pipeline.name}`,
        headers: { "content-type": type, ...this.#authorization },
        body,
        signal,
      });
      const timings = timingsOf(answer.headers["server-timing"]);
      const contentType = String(answer.headers["content-type"] ?? "");
      if (answer.statusCode === 200 && contentType.startsWith("text/event-stream"))
        return { kind: "stream", events: eventsOf(answer.body, signal), timings };
      if (answer.statusCode === 200 && contentType.includes("json"))
        return {
          kind: "response",
          ...(await answered(job, await whole(answer.body, MAX_RESPONSE_BYTES), signal)),
          timings,
        };
      const { bytes: told } = await gather(answer.body, MAX_ERROR_BYTES);
      throw runnerError({
        pipeline: job.pipeline.name,
        model: job.model,
        status: answer.statusCode,
        body: told.toString("utf8"),
      });
    } catch (error) {
      signal.throwIfAborted();
      throw connectionError(error);
    }
  }

  async health(signal: AbortSignal): Promise<RunnerHealth> {
    const report = await this.#ask("/health", signal);
    const status = Reflect.get(report, "status");
    const models = Reflect.get(report, "models");
    return {
      isUsable: status === "OK" || status === "IDLE" || (Array.isArray(models) && status !== "ERROR"),
      ...(Array.isArray(models) && { models: models.flatMap((entry: unknown) => modelIn(entry)) }),
    };
  }

  /** Source: runner-and-models 2.3. */
  async version(signal: AbortSignal): Promise<string> {
    const version = Reflect.get(await this.#ask("/version", signal), "version");
    return typeof version === "string" && version !== "" ? version : "0.0.0";
  }

  async hardware(signal: AbortSignal): Promise<Hardware> {
    const report = await this.#ask("/hardware/info", signal);
    const gpus = Object.entries(recordOf(Reflect.get(report, "gpu_info")));
    return {
      pipeline: String(Reflect.get(report, "pipeline") ?? ""),
      model: String(Reflect.get(report, "model_id") ?? ""),
      gpus: new Map(gpus.map(([index, gpu]) => [index, gpuIn(recordOf(gpu))])),
    };
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #ask(path: string, signal: AbortSignal): Promise<object> {
    const answer = await this.#pool.request({
      method: "GET",
      path: `${this.#prefix}${path}`,
      headers: this.#authorization,
      signal,
    });
    const body = await whole(answer.body, MAX_REPORT_BYTES);
    if (answer.statusCode !== 200)
      throw new RivuletError("peer.protocol", { reason: `${path} answered ${answer.statusCode}` });
    return recordOf(parsed(body));
  }
}

function bodyOf({ pipeline, request, media }: AdmittedJob): MultipartBody {
  const files = Object.entries(media);
  return files.length === 0
    ? { contentType: "application/json", body: Buffer.from(JSON.stringify(request)) }
    : encodeFormData(files, fieldsOf(pipeline, request));
}

/** A runner's answer, checked: a field that is missing is the runner's failure, not a surprise further on. */
async function answered(job: AdmittedJob, body: Buffer, signal: AbortSignal): Promise<Answered> {
  const { runnerResponse, response, filming } = job.pipeline;
  const checked = (runnerResponse ?? response).safeParse(parsed(body));
  if (!checked.success) throw new RivuletError("runner.failed", { reason: "the answer is not of the pipeline's form" });
  if (filming !== undefined) return filmed(filming, job.request, checked.data, signal);
  return { response: recordOf(checked.data), files: new Map() };
}

/** Events until the last one; leaving early closes the connection. */
async function* eventsOf(body: Readable, signal: AbortSignal): AsyncGenerator<string> {
  try {
    yield* readChunks(body);
  } catch (error) {
    signal.throwIfAborted();
    throw connectionError(error);
  } finally {
    body.destroy();
  }
}

function modelIn(entry: unknown): readonly ReportedModel[] {
  const report = recordOf(entry);
  const pipeline = findPipeline(String(Reflect.get(report, "pipeline")));
  const model = Reflect.get(report, "model_id");
  const slots = Number(Reflect.get(report, "slots"));
  if (Reflect.get(report, "state") === "failed") return [];
  if (pipeline?.kind !== "batch" || typeof model !== "string" || !Number.isInteger(slots) || slots < 1) return [];
  return [{ pipeline, model: modelId(model), isWarm: Reflect.get(report, "warm") === true, slots }];
}

function gpuIn(gpu: object): Gpu {
  const number = (name: string) => {
    const value = Number(Reflect.get(gpu, name));
    return Number.isSafeInteger(value) && value >= 0 ? value : 0;
  };
  return {
    id: String(Reflect.get(gpu, "id") ?? ""),
    name: String(Reflect.get(gpu, "name") ?? ""),
    major: number("major"),
    minor: number("minor"),
    memoryFree: BigInt(number("memory_free")),
    memoryTotal: BigInt(number("memory_total")),
  };
}
