import { basename, dirname } from "node:path";
import { silentLogger } from "@rivulet/primitives";
import type { Backend, Graph } from "../src/backend.ts";
import { onnxBackend } from "../src/backends/onnx/onnx-backend.ts";
import type { Tensor } from "../src/tensor.ts";

/** One run of a model file, as the engine asked for it. */
export interface Run {
  /** The folder of the file, such as `unet`. */
  readonly component: string;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly results: Readonly<Record<string, Tensor>>;
}

/** A backend, ONNX Runtime unless another is given, with every run written down and the open files counted. */
export function recordingBackend(
  runs: Run[],
  counts = { open: 0 },
  backend: Backend = onnxBackend({ log: silentLogger }),
): Backend {
  return {
    async open(file, options) {
      const graph = await backend.open(file, options);
      const component = basename(dirname(file));
      counts.open++;
      return {
        file,
        inputs: graph.inputs,
        outputs: graph.outputs,
        async run(feeds, outputs) {
          const results = await graph.run(feeds, outputs);
          runs.push({ component, feeds, results });
          return results;
        },
        async close() {
          counts.open--;
          await graph.close();
        },
      };
    },
  };
}

/** ONNX Runtime that opens each file once and keeps it: for many models of the same files. */
export function keepingBackend(): Backend {
  const backend = onnxBackend({ log: silentLogger });
  const kept = new Map<string, Promise<Graph>>();
  return {
    async open(file, options) {
      const opened = kept.get(file) ?? backend.open(file, options);
      kept.set(file, opened);
      const graph = await opened;
      return {
        file,
        inputs: graph.inputs,
        outputs: graph.outputs,
        run: (...asked) => graph.run(...asked),
        async close() {},
      };
    },
  };
}
