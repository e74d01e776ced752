import type { Graph, Port } from "../backend.ts";
import { type Tensor, tensorOf } from "../tensor.ts";

/** Binding by name, and numbers in the type and shape each file wants. Source: runner-and-models 7.3.2. */

export function findInput(graph: Graph, name: string): Port | undefined {
  return graph.inputs.find((port) => port.name === name);
}

export function getInput(graph: Graph, name: string): Port {
  const port = findInput(graph, name);
  if (port === undefined) throw new RangeError(`${graph.file} has no input ${name}`);
  return port;
}

/** Refuses a model with inputs that nobody would fill. */
export function allowInputs(graph: Graph, names: readonly string[]): void {
  for (const { name } of graph.inputs)
    if (!names.includes(name)) throw new RangeError(`${graph.file} has an unknown input ${name}`);
}

export function hasOutput(graph: Graph, name: string): boolean {
  return graph.outputs.some((output) => output.name === name);
}

/** Refuses a model without an output that is needed. */
export function needOutput(graph: Graph, name: string): void {
  if (!hasOutput(graph, name)) throw new RangeError(`${graph.file} gives no ${name}`);
}

/** The name of the wanted output; of the first one in files that name theirs differently. */
export function outputName(graph: Graph, wanted: string): string {
  const [first] = graph.outputs;
  if (first === undefined) throw new RangeError(`${graph.file} has no output`);
  return hasOutput(graph, wanted) ? wanted : first.name;
}

/** How many rows at most one run takes: files exported for one row only take one. */
export function rowsPerRun(port: Port): number {
  const [rows] = port.dims;
  return typeof rows === "number" && rows > 0 ? rows : Number.POSITIVE_INFINITY;
}

/** Height and width of the planes a port takes, which are the last of its sizes, where the file fixes them. */
export function fixedSides({ dims }: Port): { readonly height: number; readonly width: number } | undefined {
  const [height, width] = dims.slice(-2);
  return typeof height === "number" && typeof width === "number" ? { height, width } : undefined;
}

/** Numbers in the port's element type. */
export function feed(port: Port, values: Float32Array | readonly number[], dims: readonly number[]): Tensor {
  return tensorOf(port.type, values, dims);
}
