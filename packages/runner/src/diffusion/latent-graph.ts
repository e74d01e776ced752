import { isOutOfMemory } from "@rivulet/primitives";
import type { Graph } from "../backend.ts";
import { runForFloats } from "../graphs/outputs.ts";
import { feed, getInput, outputName } from "../graphs/ports.ts";
import type { ModelSettings } from "../model-settings.ts";
import type { Tensor } from "../tensor.ts";
import { grownToMultiples, type Planes, sidesOf, topLeft } from "./edges.ts";

/** How runtimes say that two tensors do not fit together; any other failure has nothing to do with the size. */
const MISFIT = /broadcast|dimension|shape/i;

/** Want of memory is something else, even in a node that is named for shapes. */
function isMisfit(failure: unknown): boolean {
  return failure instanceof Error && MISFIT.test(failure.message) && !isOutOfMemory(failure);
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
        if (grown === sample || !isMisfit(cause)) throw cause;
        this.#takesAnySize = false;
      }
    return topLeft(await this.#answer(grown, others), sidesOf(grown), sidesOf(sample));
  }

  async #answer({ data, dims }: Planes, others: Readonly<Record<string, Tensor>>): Promise<Float32Array> {
    const sample = feed(getInput(this.#graph, this.#input), data, dims);
    return (await runForFloats(this.#graph, { ...others, [this.#input]: sample }, this.#output)).data;
  }
}
