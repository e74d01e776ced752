import { join } from "node:path";
import {
  type Clock,
  codeOf,
  isError,
  isOutOfMemory,
  type Logger,
  type Randomness,
  RivuletError,
} from "@rivulet/primitives";
import type { Implementation, LoadedModel, Progress } from "../implementation.ts";
import { FITS_WHEN } from "./fits-when.ts";
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
  let directory = "";
  const jobs = new Map<number, AbortController>();
  const closed = Promise.withResolvers<void>();

  channel.onClose(() => {
    for (const job of jobs.values()) job.abort(new RivuletError("node.stopping", {}));
    closed.resolve();
  });
  channel.onMessage((message) => {
    if (message.kind === "load") {
      directory = message.model.directory;
      loaded = load(message.model, channel, ports);
    } else if (message.kind === "abort") jobs.get(message.job)?.abort(new RivuletError("request.cancelled", {}));
    else {
      const controller = new AbortController();
      jobs.set(message.job, controller);
      void run(message, { loaded, directory }, controller.signal, channel, ports).finally(() =>
        jobs.delete(message.job),
      );
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
    channel.send({
      kind: "error",
      ...told(isError(error) ? error : loadFailed(model, textBelow(model.directory, error)), model.directory),
    });
    return undefined;
  }
}

async function run(
  { job, work, isWatched }: Extract<ToHost, { kind: "run" }>,
  { loaded, directory }: { readonly loaded: Promise<AnyLoadedModel | undefined>; readonly directory: string },
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
    channel.send({ kind: "memory", peakBytes: ports.peakBytes() }); // runtimes keep what a failed run had taken
    channel.send({ kind: "error", job, ...told(error, directory) });
  }
}

/** An error as it crosses the line. What an engine throws that is not ours is its failure, told with its text. */
function told(error: unknown, directory: string): { code: RivuletError["code"]; facts: object } {
  if (isError(error)) return { code: codeOf(error), facts: error.facts };
  const reason = textBelow(directory, error);
  if (isOutOfMemory(reason)) return { code: "runner.out-of-memory", facts: { reason: `${reason}; ${FITS_WHEN}` } };
  return { code: "runner.failed", facts: { reason: isBeyondEngine(error) ? `${reason}; ${ASK_FOR_LESS}` : reason } };
}

/** Whether something was to be larger, or deeper, than the JavaScript engine can have it. */
function isBeyondEngine(error: unknown): boolean {
  return (
    error instanceof RangeError && /^(?:Invalid (?:typed )?array|Invalid string|Maximum call stack)/.test(error.message)
  );
}

const ASK_FOR_LESS = "a smaller request may work; if none does, the model's files are damaged";

function loadFailed(model: HostModel, text: string): RivuletError {
  const reason = isOutOfMemory(text) ? `${text}; ${FITS_WHEN}` : text;
  return new RivuletError("model.load-failed", { pipeline: model.pipeline, model: model.model, reason });
}

/** The longest text of a foreign error that is passed on. Runtimes put whole tensor shapes into theirs. */
const MAX_REASON = 500;

/** The text with files named as they lie in the model: where that is on this machine is nobody's business. */
function textBelow(directory: string, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(join(directory, "/"), "").slice(0, MAX_REASON);
}
