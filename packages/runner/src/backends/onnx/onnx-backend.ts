import { basename } from "node:path";
import type { Logger } from "@rivulet/primitives";
import type { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
import type { Backend, Graph, OpenOptions, Port, Tensors } from "../../backend.ts";
import type { ElementType, Tensor } from "../../tensor.ts";

type Runtime = typeof import("onnxruntime-node");

export interface OnnxBackendOptions {
  /**
   * Execution providers in order of preference, each with the number of its device where there are several: `cuda`,
   * `cuda:1`. `cpu` alone when left out or empty. The processor takes the place of an accelerator only where it is named.
   */
  readonly providers?: readonly string[];
  readonly log: Logger;
}

/** The provider that is part of every build of the runtime. */
const CPU = "cpu";

/**
 * ONNX Runtime. The library is loaded when the first file is opened.
 *
 * Opening and running block the calling thread until they are done: use it in a process that may be blocked.
 */
export function onnxBackend({ providers = [], log }: OnnxBackendOptions): Backend {
  let runtime: Promise<Runtime> | undefined;
  return {
    async open(file, options) {
      runtime ??= import("onnxruntime-node");
      return new OnnxGraph(file, await openSession(await runtime, file, providers, options, log));
    },
  };
}

/**
 * Threads that have nothing to do sleep instead of turning in circles. A model shares its machine with other models and
 * with the node that serves it: with both of two cores busy otherwise, a picture took 90 ms this way and 240 ms with
 * spinning threads.
 */
const NO_SPINNING = { session: { intra_op: { allow_spinning: "0" } } } as const;

/**
 * Whether the runtime plans its memory for each size of input. With a plan, the second run of a size takes the whole of it
 * anew, beside what the first has left: upscaling 256² took 610 MiB instead of 440, and no pipeline was faster.
 */
const PLANS_MEMORY = false;

/** The runtime's errors are thrown. Written to standard error as well they would be told twice. */
const FATAL = 4;

/**
 * The graph is optimised anew at every opening. An optimised copy kept on disk was measured to save 15 to 185 ms a file, of
 * the 400 ms that a model host takes to start, at the price of a second copy of all weights that must never be stale.
 */
async function openSession(
  runtime: Runtime,
  file: string,
  [provider = CPU, ...others]: readonly string[],
  options: OpenOptions,
  log: Logger,
): Promise<InferenceSession> {
  try {
    return await runtime.InferenceSession.create(file, {
      executionProviders: executionProviders(runtime, provider),
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: "all",
      enableMemPattern: PLANS_MEMORY,
      logSeverityLevel: FATAL,
      extra: NO_SPINNING,
    });
  } catch (error) {
    // A missing driver or library is an ordinary exception here, and so is a file no provider can read: that one is
    // found out by the last provider, whose error is the one to tell.
    if (others.length === 0) throw provider === CPU ? error : unusable(provider, error);
    log.warn("execution provider not usable", { provider, file: basename(file), reason: reasonOf(error) });
    return openSession(runtime, file, others, options, log);
  }
}

/** What the runtime calls a provider and its device. It does by itself on the processor what the provider cannot. */
function executionProviders(
  runtime: Runtime,
  provider: string,
): NonNullable<InferenceSession.SessionOptions["executionProviders"]> {
  if (provider === CPU) return [CPU];
  const [, name = "", device] = /^([^:]+)(?::(\d+))?$/.exec(provider) ?? [];
  if (!runtime.listSupportedBackends().some((backend) => backend.name === name))
    throw new RangeError("this build of the runtime does not have it");
  const chosen = device === undefined ? name : { name, deviceId: Number(device) };
  return [chosen, CPU];
}

function unusable(provider: string, cause: unknown): Error {
  return new Error(`execution provider ${provider} is not usable: ${reasonOf(cause)}`, { cause });
}

class OnnxGraph implements Graph {
  readonly file: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly #session: InferenceSession;

  constructor(file: string, session: InferenceSession) {
    this.file = file;
    this.#session = session;
    this.inputs = session.inputMetadata.map(portOf);
    this.outputs = session.outputMetadata.map(portOf);
  }

  async run(feeds: Tensors, outputs: readonly string[] = this.#session.outputNames): Promise<Tensors> {
    const inputs: Record<string, OnnxTensor> = {};
    for (const [name, tensor] of Object.entries(feeds)) inputs[name] = inputOf(tensor);
    const results = await this.#session.run(inputs, outputs).catch((cause: unknown) => {
      throw new Error(`${this.file}: ${reasonOf(cause)}`, { cause });
    });
    const made: Record<string, Tensor> = {};
    for (const name of outputs) made[name] = tensorFrom(name, results[name]);
    return made;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

/**
 * A tensor in the form the native part reads. The library's own class would turn half-precision bit patterns into a
 * `Float16Array` where the engine has one, which its native part does not understand.
 */
function inputOf({ type, dims, data }: Tensor): OnnxTensor {
  return { type, dims, data, location: "cpu" } as unknown as OnnxTensor;
}

const elementTypes: ReadonlySet<string> = new Set<ElementType>([
  "float32",
  "float16",
  "float64",
  "int64",
  "int32",
  "uint8",
  "bool",
]);

function portOf(value: InferenceSession.ValueMetadata): Port {
  if (!value.isTensor || !elementTypes.has(value.type))
    throw new RangeError(`${value.name} is not a tensor of a supported type`);
  return { name: value.name, type: value.type as ElementType, dims: value.shape };
}

function tensorFrom(name: string, value: OnnxTensor | undefined): Tensor {
  if (value === undefined || !elementTypes.has(value.type))
    throw new RangeError(`${name} did not come out of the model`);
  const { type, dims, data } = value;
  // Where the engine knows halves, the runtime hands them out as such; here they are bit patterns.
  const isHalf = type === "float16" && ArrayBuffer.isView(data) && !(data instanceof Uint16Array);
  const elements = isHalf ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data;
  return { type, dims, data: elements } as Tensor;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
