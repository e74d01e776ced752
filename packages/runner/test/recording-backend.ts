import { basename, dirname } from "node:path";
import { silentLogger } from "@rivulet/primitives";
import type { Backend } from "../src/backend.ts";
import { onnxBackend } from "../src/backends/onnx/onnx-backend.ts";
import type { Tensor } from "../src/tensor.ts";

/** One run of a model file, as the engine asked for it. */
export interface Run {
  /** The folder of the file, such as `unet`. */
  readonly component: string;
  readonly feeds: Readonly<Record<string, Tensor>>;
}

/** ONNX Runtime, with every run written down and the open files counted. */
export function recordingBackend(runs: Run[], counts = { open: 0 }): Backend {
  const backend = onnxBackend({ log: silentLogger });
  return {
    async open(file, options) {
      const graph = await backend.open(file, options);
      const component = basename(dirname(file));
      counts.open++;
      return {
        inputs: graph.inputs,
        outputs: graph.outputs,
        async run(feeds, outputs) {
          runs.push({ component, feeds });
          return graph.run(feeds, outputs);
        },
        async close() {
          counts.open--;
          await graph.close();
        },
      };
    },
  };
}
