import type { Port } from "../backend.ts";
import { type Tensor, tensorOf } from "../tensor.ts";

/** A timestep as the file wants it: a scalar, one number, or one a row. */
export function timestepFeed(port: Port, timestep: number, rows: number): Tensor {
  const [dim] = port.dims;
  if (dim === undefined) return tensorOf(port.type, [timestep], []);
  const count = typeof dim === "number" ? dim : /batch/i.test(dim) ? rows : 1;
  return tensorOf(port.type, new Array<number>(count).fill(timestep), [count]);
}
