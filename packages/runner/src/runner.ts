import { availableParallelism, totalmem } from "node:os";
import { probeFiles } from "@rivulet/media";
import {
  findPipeline,
  type MediaFile,
  type Pipeline,
  type PipelineName,
  parseRequest,
  resolveRequest,
  workOf,
} from "@rivulet/pipelines";
import {
  type Clock,
  codeOf,
  isError,
  type Logger,
  type Milliseconds,
  type ModelId,
  minutes,
  modelId,
  type Randomness,
  RivuletError,
  type Startable,
  type Work,
} from "@rivulet/primitives";
import type { HostLauncher } from "./host/messages.ts";
import type { EngineOptions } from "./implementation.ts";
import { RunnerMetrics } from "./metrics.ts";
import { type JobEvent, ModelPool, type RunTimings } from "./model-pool.ts";
import { ModelStore, sizeOf } from "./model-store.ts";
import type { ModelState, PooledModel, PoolModel } from "./pooled-model.ts";
import { verifyInference } from "./verify-inference.ts";

/** A model a runner is to serve. */
export interface RunnerModel {
  readonly pipeline: PipelineName;
  readonly model: ModelId;
  /** Where its files are. Left out: found by its id below the model directories. */
  readonly directory?: string;
  /** Jobs at once; each slot holds the weights once more. */
  readonly slots?: number;
  /** Loaded at start and kept. Otherwise loaded when first asked for. */
  readonly warm?: boolean;
  /** Laid over the runner's own. */
  readonly engine?: EngineOptions;
}

export interface RunnerOptions {
  /** In the order of importance: the first of a pipeline is the one requests that name none get. */
  readonly models: readonly RunnerModel[];
  /** Directories in the Hugging Face layout. */
  readonly modelDirectories?: readonly string[];
  /** Memory that all models together may hold. Left out: four fifths of the machine's. */
  readonly memoryBytes?: number;
  /** Threads of one model. Left out: one a processor. */
  readonly threads?: number;
  /** How models are run. */
  readonly engine?: EngineOptions;
  /** Jobs that may wait for one model. */
  readonly queueLimit?: number;
  /** How long a model that is not kept warm stays in memory unused. */
  readonly idleUnload?: Milliseconds;
  readonly timeoutLoad?: Milliseconds;
}

export interface RunnerPorts {
  readonly launcher: HostLauncher;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
}

/** As many as a caller with a deadline can hope to see served; beyond it another machine is the better answer. */
const QUEUE_LIMIT = 16;
/** Source: runner-and-models 9.2. */
const IDLE_UNLOAD: Milliseconds = minutes(10);
/** The rest is for the system and the other processes of a node. */
const MEMORY_SHARE = 0.8;

/** A job that has been checked: a known model, a valid request with nothing left to chance, readable files. */
export interface RunnerJob {
  readonly pipeline: Pipeline;
  readonly model: PooledModel;
  readonly request: Readonly<Record<string, unknown>>;
  readonly media: Readonly<Record<string, MediaFile>>;
  readonly work: Work;
}

/** One model as `/health` tells it. */
export interface ModelHealth {
  readonly pipeline: string;
  readonly model_id: string;
  /** In memory and seen to work. */
  readonly warm: boolean;
  readonly slots: number;
  /** Slots that are free now. */
  readonly free: number;
  readonly queue: number;
  readonly state: ModelState;
  readonly memory_bytes: number;
  /** Share of the loading that is done, while it loads. */
  readonly progress?: number;
  readonly stage?: string;
  /** Why it failed. */
  readonly detail?: string;
}

/** What `/health` tells. Source for `status`: runner-and-models 2.1. */
export interface RunnerHealth {
  readonly status: "LOADING" | "OK" | "ERROR";
  readonly models: readonly ModelHealth[];
  readonly detail?: string;
}

/**
 * Holds models and does jobs with them: the runner without its HTTP surface.
 *
 * `start` begins to load the models that are kept warm; jobs wait for theirs. Owns the model pool and with it a process
 * per loaded model.
 */
export class Runner implements Startable {
  readonly metrics = new RunnerMetrics();
  readonly #pool: ModelPool;
  readonly #randomness: Randomness;

  constructor(options: RunnerOptions, ports: RunnerPorts) {
    this.#randomness = ports.randomness;
    const store = new ModelStore(options.modelDirectories ?? []);
    this.#pool = new ModelPool(
      {
        models: options.models.map((model) => poolModel(model, options, store)),
        memoryBytes:
          options.memoryBytes ??
          MEMORY_SHARE * Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY),
        queueLimit: options.queueLimit ?? QUEUE_LIMIT,
        idleUnload: options.idleUnload ?? IDLE_UNLOAD,
        ...(options.timeoutLoad === undefined ? {} : { timeoutLoad: options.timeoutLoad }),
      },
      { ...ports, verify: verifyInference, observer: this.metrics },
    );
  }

  start(): Promise<void> {
    return this.#pool.start();
  }

  stop(): Promise<void> {
    return this.#pool.stop();
  }

  /** Resolves when each model that is to be warm is ready or has failed. */
  warmUp(): Promise<void> {
    return this.#pool.warmUp();
  }

  get models(): readonly PooledModel[] {
    return this.#pool.models;
  }

  modelsOf(pipeline: Pipeline): readonly PooledModel[] {
    return this.models.filter(({ config }) => config.pipeline.name === pipeline.name);
  }

  /**
   * Checks a request: its fields as sent, and its files. An empty model id means the first model of the pipeline; a seed
   * that was left out is drawn.
   *
   * Throws `request.invalid`, `model.unknown`, `request.media-undecodable` or `request.media-unsupported`.
   */
  prepare(pipeline: Pipeline, body: unknown, media: Readonly<Record<string, MediaFile>>): RunnerJob {
    const parsed = parseRequest(pipeline, body);
    const offered = this.modelsOf(pipeline);
    const named = String(parsed[pipeline.modelField] ?? "");
    const model = named === "" ? offered[0] : offered.find(({ config }) => config.model === named);
    if (model === undefined)
      throw new RivuletError("model.unknown", {
        pipeline: pipeline.name,
        model: named,
        offered: offered.map(({ config }) => config.model),
      });
    const probes = probeFiles(pipeline.media, media);
    const request = resolveRequest(pipeline, parsed, probes, this.#randomness);
    // Files from which no good answer can come; gateways refuse them, too, but not all of them are ours.
    pipeline.expect(request, probes);
    return { pipeline, model, request, media, work: workOf(pipeline, request, probes) };
  }

  /** Does a job. Throws what `ModelPool.run` throws; aborting `signal` stops the work within one step. */
  async run(
    { pipeline, model: { config }, request, media, work }: RunnerJob,
    options: { readonly signal: AbortSignal; readonly onEvent?: (event: JobEvent) => void },
  ): Promise<{ readonly response: Record<string, unknown>; readonly timings: RunTimings }> {
    try {
      const done = await this.#pool.run(pipeline.name, config.model, { request, media }, options);
      const { queueMs, loadMs, inferenceMs } = done.timings;
      this.metrics.jobEnded(config, "ok");
      this.metrics.jobDone(config, inferenceMs, queueMs + loadMs, work.amount);
      return done;
    } catch (error) {
      this.metrics.jobEnded(config, codeOf(error));
      throw error;
    }
  }

  /**
   * `OK` when a model is ready, or could be loaded on demand and none that is to be warm is still on its way; `LOADING`
   * while one is; `ERROR`, with the reason, when every model has failed. Models are tried again whatever this says.
   */
  get health(): RunnerHealth {
    const models = this.models.map(modelHealth);
    const warmSet = this.models.filter(({ config }) => config.keepWarm);
    if (this.models.some(({ state }) => state === "ready")) return { status: "OK", models };
    if (warmSet.some(({ state }) => state === "loading")) return { status: "LOADING", models };
    if (!this.models.every(hasFailed)) return { status: "OK", models };
    const detail = this.models.map(({ failure }) => failure?.message).find((message) => message !== undefined);
    return { status: "ERROR", models, ...(detail === undefined ? {} : { detail }) };
  }
}

/** Whether a model cannot be used now: it failed, and is tried again by itself or when its pause is over. */
function hasFailed({ state, failure, config }: PooledModel): boolean {
  return state === "failed" || (state === "cold" && config.keepWarm && failure !== undefined);
}

function poolModel(model: RunnerModel, options: RunnerOptions, store: ModelStore): PoolModel {
  const pipeline = findPipeline(model.pipeline);
  if (pipeline === undefined) throw new RivuletError("node.cannot-start", { reason: `no pipeline ${model.pipeline}` });
  return {
    pipeline,
    model: modelId(model.model),
    slots: model.slots ?? 1,
    keepWarm: model.warm ?? false,
    threads: options.threads ?? availableParallelism(),
    engine: { ...options.engine, ...model.engine },
    async locate() {
      const directory = model.directory ?? (await storedIn(store, model));
      const bytes = await sizeOf(directory);
      if (bytes === 0) throw notLoadable(model, "its directory is empty or missing");
      return { directory, bytes };
    },
  };
}

/** A model that was promised and is not there is our fault, not that of whoever asks for it. */
async function storedIn(store: ModelStore, model: RunnerModel): Promise<string> {
  try {
    return (await store.get(model.model, model.pipeline)).directory;
  } catch (error) {
    if (!isError(error, "model.unknown")) throw error;
    const others = error.facts.offered.length === 0 ? "no models" : error.facts.offered.join(", ");
    throw notLoadable(model, `it is not on this machine, which has ${others}`);
  }
}

function notLoadable({ pipeline, model }: RunnerModel, reason: string): RivuletError {
  return new RivuletError("model.load-failed", { pipeline, model, reason });
}

function modelHealth(model: PooledModel): ModelHealth {
  const { config, state, free, waiting, heldBytes, failure, progress } = model;
  return {
    pipeline: config.pipeline.name,
    model_id: config.model,
    warm: state === "ready",
    slots: config.slots,
    free,
    queue: waiting,
    state,
    memory_bytes: heldBytes,
    ...(progress?.kind === "loading"
      ? { progress: progress.total > 0 ? progress.loaded / progress.total : 0, stage: progress.stage }
      : {}),
    ...(failure === undefined || state === "ready" ? {} : { detail: failure.message }),
  };
}
