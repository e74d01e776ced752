import type { Graph } from "../backend.ts";
import type { ModelSettings } from "../model-settings.ts";
import type { Tensor } from "../tensor.ts";
import { feed, getInput, outputName, runForFloats } from "./ports.ts";

/** How runtimes say that two tensors do not fit together; any other failure has nothing to do with the size. */
const MISFIT = /broadcast|dimension|shape/i;

/** Planes of numbers, the sides of a plane last. */
interface Planes {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/**
 * A graph that works on latent pictures, of any size. Models halve their input several times and put it together again with
 * what they had before; files that were exported without care fail where a half was rounded. They are given more than there
 * is, its edges repeated, and of what they answer the part that was asked for is taken.
 */
export class LatentGraph {
  readonly #graph: Graph;
  readonly #input: string;
  readonly #output: string;
  /** What the model halves its input down by. */
  readonly #stride: number;
  #takesAnySize = true;

  constructor(graph: Graph, input: string, config: ModelSettings) {
    this.#graph = graph;
    this.#input = input;
    this.#output = outputName(graph, "out_sample");
    this.#stride = 2 ** ((config.findNumbers("block_out_channels")?.length ?? 1) - 1);
  }

  /** The answer's planes, for planes of numbers and whatever else the graph is told. */
  async run(sample: Planes, others: Readonly<Record<string, Tensor>>): Promise<Float32Array> {
    const grown = grownToMultiples(sample, this.#stride);
    if (this.#takesAnySize || grown === sample)
      try {
        return await this.#answer(sample, others);
      } catch (cause) {
        if (grown === sample || !(cause instanceof Error && MISFIT.test(cause.message))) throw cause;
        this.#takesAnySize = false;
      }
    return topLeft(await this.#answer(grown, others), sidesOf(grown), sidesOf(sample));
  }

  async #answer({ data, dims }: Planes, others: Readonly<Record<string, Tensor>>): Promise<Float32Array> {
    const sample = feed(getInput(this.#graph, this.#input), data, dims);
    return (await runForFloats(this.#graph, { ...others, [this.#input]: sample }, this.#output)).data;
  }
}

/** Planes whose sides are the next multiples of `step`, the last row and column repeated; the same where they are already. */
function grownToMultiples(planes: Planes, step: number): Planes {
  const { data, dims } = planes;
  const [height, width] = sidesOf(planes);
  const [high, wide] = [Math.ceil(height / step) * step, Math.ceil(width / step) * step];
  if (high === height && wide === width) return planes;
  const count = data.length / (height * width);
  const grown = new Float32Array(count * high * wide);
  for (let plane = 0; plane < count; plane++)
    for (let y = 0; y < high; y++) {
      const from = (plane * height + Math.min(y, height - 1)) * width;
      const at = (plane * high + y) * wide;
      grown.set(data.subarray(from, from + width), at);
      grown.fill(data[from + width - 1] ?? 0, at + width, at + wide);
    }
  return { data: grown, dims: [...dims.slice(0, -2), high, wide] };
}

type Sides = readonly [height: number, width: number];

/** Of each plane the top left part. */
function topLeft(data: Float32Array, [high, wide]: Sides, [height, width]: Sides): Float32Array {
  const count = data.length / (high * wide);
  const part = new Float32Array(count * height * width);
  for (let row = 0; row < count * height; row++) {
    const from = (Math.floor(row / height) * high + (row % height)) * wide;
    part.set(data.subarray(from, from + width), row * width);
  }
  return part;
}

function sidesOf({ dims }: Planes): Sides {
  return [dims.at(-2) ?? 1, dims.at(-1) ?? 1];
}
