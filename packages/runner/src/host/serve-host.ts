import { join } from "node:path";
import { type Clock, codeOf, isError, type Logger, type Randomness, RivuletError } from "@rivulet/primitives";
import type { Implementation, LoadedModel, Progress } from "../implementation.ts";
import type { Channel, FromHost, HostJob, HostModel, ToHost } from "./messages.ts";

/** A model of any pipeline. Requests were parsed by the owner with the pipeline's own schema, which is the proof. */
interface AnyLoadedModel {
  readonly example?: Readonly<Record<string, unknown>>;
  run(request: HostJob["request"], context: Parameters<LoadedModel<never>["run"]>[1]): Promise<Record<string, unknown>>;
  dispose(): Promise<void>;
}

/** The implementations a host can load from, by pipeline name. */
export type HostImplementations = Readonly<Record<string, Pick<Implementation<never>, "load">>>;

/** What a host needs from the process it lives in. */
export interface HostPorts {
  readonly implementations: HostImplementations;
  readonly randomness: Randomness;
  readonly clock: Clock;
  readonly log: Logger;
  /** The most memory this host has held so far, in bytes. */
  readonly peakBytes: () => number;
}

/**
 * The inside of a model host: loads one model, then runs its jobs one at a time, until the line closes.
 *
 * Resolves when the line has closed and the model is disposed of.
 */
export async function serveHost(channel: Channel<FromHost, ToHost>, ports: HostPorts): Promise<void> {
  let loaded: Promise<AnyLoadedModel | undefined> = Promise.resolve(undefined);
  const jobs = new Map<number, AbortController>();
  const closed = Promise.withResolvers<void>();

  channel.onClose(() => {
    for (const job of jobs.values()) job.abort(new RivuletError("node.stopping", {}));
    closed.resolve();
  });
  channel.onMessage((message) => {
    if (message.kind === "load") loaded = load(message.model, channel, ports);
    else if (message.kind === "abort") jobs.get(message.job)?.abort(new RivuletError("request.cancelled", {}));
    else {
      const controller = new AbortController();
      jobs.set(message.job, controller);
      void run(message, loaded, controller.signal, channel, ports).finally(() => jobs.delete(message.job));
    }
  });

  await closed.promise;
  await (await loaded)?.dispose();
}

async function load(
  model: HostModel,
  channel: Channel<FromHost, ToHost>,
  ports: HostPorts,
): Promise<AnyLoadedModel | undefined> {
  try {
    const implementation = ports.implementations[model.pipeline];
    if (implementation === undefined) throw loadFailed(model, `nothing here executes ${model.pipeline}`);
    const loaded = await implementation.load({
      directory: model.directory,
      model: model.model,
      threads: model.threads,
      ...(model.engine === undefined ? {} : { engine: model.engine }),
      log: ports.log,
      onProgress: (progress) => channel.send({ kind: "progress", progress }),
    });
    channel.send({ kind: "memory", peakBytes: ports.peakBytes() });
    channel.send({ kind: "loaded", example: loaded.example ?? {} });
    return loaded as AnyLoadedModel;
  } catch (error) {
    channel.send({ kind: "error", ...told(isError(error) ? error : loadFailed(model, textBelow(model, error))) });
    return undefined;
  }
}

async function run(
  { job, work, isWatched }: Extract<ToHost, { kind: "run" }>,
  loaded: Promise<AnyLoadedModel | undefined>,
  signal: AbortSignal,
  channel: Channel<FromHost, ToHost>,
  ports: HostPorts,
): Promise<void> {
  try {
    const model = await loaded;
    if (model === undefined) throw new RivuletError("runner.failed", { reason: "no model is loaded" });
    signal.throwIfAborted();
    const response = await model.run(work.request, {
      media: work.media,
      signal,
      randomness: ports.randomness,
      clock: ports.clock,
      onProgress: (progress: Progress) => {
        if (isWatched) channel.send({ kind: "progress", job, progress });
      },
    });
    channel.send({ kind: "memory", peakBytes: ports.peakBytes() });
    channel.send({ kind: "result", job, response });
  } catch (error) {
    channel.send({ kind: "error", job, ...told(error) });
  }
}

/** An error as it crosses the line. What an engine throws that is not ours is its failure, told with its text. */
function told(error: unknown): { code: RivuletError["code"]; facts: object } {
  if (isError(error)) return { code: codeOf(error), facts: error.facts };
  const reason = textOf(error);
  return { code: OUT_OF_MEMORY.test(reason) ? "runner.out-of-memory" : "runner.failed", facts: { reason } };
}

/**
 * How ONNX Runtime and the JavaScript engine say that memory ran out; neither has a code for it.
 * Source: runner-and-models 1.2.4, which classes failures by this text.
 */
const OUT_OF_MEMORY = /out of memory|bad_alloc|failed to allocate|allocation failed/i;

function loadFailed(model: HostModel, reason: string): RivuletError {
  return new RivuletError("model.load-failed", { pipeline: model.pipeline, model: model.model, reason });
}

/** The longest text of a foreign error that is passed on. Runtimes put whole tensor shapes into theirs. */
const MAX_REASON = 500;

function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, MAX_REASON);
}

/** The text with files named as they lie in the model: where that is on this machine is nobody's business. */
function textBelow({ directory }: HostModel, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return textOf(text.replaceAll(join(directory, "/"), ""));
}
