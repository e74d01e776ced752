import type { Graph } from "../backend.ts";
import { floatsOf, type Tensor } from "../tensor.ts";

/** One output of a run, as floats. */
export async function runForFloats(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
  output: string,
): Promise<Tensor<"float32">> {
  const result = (await graph.run(feeds, [output]))[output];
  if (result === undefined) throw new RangeError(`${graph.file} gave no ${output}`);
  return { type: "float32", dims: result.dims, data: floatsOf(result) };
}
