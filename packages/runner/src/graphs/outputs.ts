import type { Graph, Tensors } from "../backend.ts";
import { floatsOf, type Tensor } from "../tensor.ts";

/** One of a run's outputs. Throws `RangeError` where the graph, opened from `file`, gave none of this name. */
export function takeOutput(results: Tensors, name: string, file: string): Tensor {
  const output = results[name];
  if (output === undefined) throw new RangeError(`${file} gave no ${name}`);
  return output;
}

/** The same as floats. */
export function takeFloats(results: Tensors, name: string, file: string): Tensor<"float32"> {
  const output = takeOutput(results, name, file);
  return { type: "float32", dims: output.dims, data: floatsOf(output) };
}

/** One output of a run, as floats. */
export async function runForFloats(graph: Graph, feeds: Tensors, output: string): Promise<Tensor<"float32">> {
  return takeFloats(await graph.run(feeds, [output]), output, graph.file);
}
