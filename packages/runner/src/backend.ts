import type { Logger } from "@rivulet/primitives";
import type { ElementType, Tensor } from "./tensor.ts";

/** An input or output of a graph, as its file declares it. */
export interface Port {
  readonly name: string;
  readonly type: ElementType;
  /** A number where the file fixes the size, a name where it leaves it open. */
  readonly dims: readonly (number | string)[];
}

/** Inputs or outputs by name. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** A model file, opened for running. `close` gives its memory back; a closed graph is not run again. */
export interface Graph {
  /** Where it was opened from: what is wrong with it is told with this. */
  readonly file: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /**
   * Computes the named outputs, or all of them. Lets the event loop turn once, so that an abort can arrive, and may then
   * block this thread for the whole run.
   */
  run(feeds: Tensors, outputs?: readonly string[]): Promise<Tensors>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Processor threads one run may use. */
  readonly threads: number;
}

/** What runs model files. Contract: `packages/runner/test/backend-contract.ts`. */
export interface Backend {
  /** Opens a model file. Throws whatever explains why it cannot be opened. */
  open(file: string, options: OpenOptions): Promise<Graph>;
}

/** Makes the backend that a model's files are opened with. */
export type BackendFactory = (options: { readonly providers?: readonly string[]; readonly log: Logger }) => Backend;
