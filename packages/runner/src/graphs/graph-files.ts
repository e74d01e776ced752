import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BackendFactory, Graph } from "../backend.ts";
import type { LoadContext } from "../implementation.ts";

/** What exports add to a file's name for its precision, the best first. Source: runner-and-models 7.3.1. */
const PRECISIONS = ["", "_fp16", "_quantized", "_int8", "_uint8", "_q4", "_q4f16", "_bnb4"] as const;

/** The best file there is of a graph, below a model's directory. */
export function bestFile(directory: string, name: string): string | undefined {
  const files = PRECISIONS.map((precision) => `onnx/${name}${precision}.onnx`);
  return files.find((file) => existsSync(join(directory, file)));
}

/** The graphs of a model whose files have fixed names, opened together; disposing closes them all. */
export interface Graphs<Part extends string> extends AsyncDisposable {
  get(part: Part): Graph;
}

/** Opens all files or none. Throws `RangeError` with the name of the one that could not be opened. */
async function openGraphs<Part extends string>(
  backend: BackendFactory,
  { directory, threads, engine = {}, log, onProgress }: LoadContext,
  files: Readonly<Record<Part, string>>,
): Promise<Graphs<Part>> {
  await using opened = new AsyncDisposableStack();
  const opener = backend({ providers: engine.providers ?? [], log });
  const graphs = new Map<string, Graph>();
  const entries = Object.entries<string>(files);
  for (const [loaded, [part, file]] of entries.entries()) {
    onProgress({ kind: "loading", stage: file, loaded, total: entries.length });
    const graph = await opener.open(join(directory, file), { threads }).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new RangeError(`${file} could not be opened: ${reason}`, { cause });
    });
    opened.defer(() => graph.close());
    graphs.set(part, graph);
    onProgress({ kind: "loading", stage: file, loaded: loaded + 1, total: entries.length });
  }
  const kept = opened.move();
  return {
    get(part) {
      const graph = graphs.get(part);
      if (graph === undefined) throw new RangeError(`the model has no ${files[part]}`);
      return graph;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** A model made of graphs that are opened together. When it cannot be made none of them stays open. */
export async function modelOf<Part extends string, Model>(
  backend: BackendFactory,
  context: LoadContext,
  files: Readonly<Record<Part, string>>,
  make: (graphs: Graphs<Part>) => Model,
): Promise<Model> {
  const graphs = await openGraphs(backend, context, files);
  try {
    return make(graphs);
  } catch (error) {
    await graphs[Symbol.asyncDispose]();
    throw error;
  }
}
