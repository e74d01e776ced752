import type { Graph } from "../backend.ts";
import { takeFloats } from "../graphs/outputs.ts";
import { allowInputs, feed, getInput, hasOutput, outputName, rowsPerRun } from "../graphs/ports.ts";
import type { Tensor } from "../tensor.ts";
import type { ClipTokenizer } from "../tokenizers/clip-tokenizer.ts";

/** A text as one encoder understands it: a row of states, one per token, and for some a single vector. */
export interface EncodedText {
  readonly states: Tensor<"float32">;
  readonly pooled?: Tensor<"float32">;
}

/** Texts to what they mean to a model. */
export interface TextEncoder {
  /** All texts in one run where the file takes several rows. */
  encode(texts: readonly string[]): Promise<readonly EncodedText[]>;
}

/**
 * Which output of an encoder a family is trained on: the last states, or the ones before the last layer, without the final
 * normalisation, together with the projected vector if the file has one.
 */
export type TextStates = "last" | "penultimate";

/** Throws `RangeError` when the file lacks the states: they cannot be computed from the others. */
export function textEncoder(graph: Graph, tokenizer: ClipTokenizer, states: TextStates): TextEncoder {
  allowInputs(graph, ["input_ids"]);
  const input = getInput(graph, "input_ids");
  const stateName = states === "last" ? outputName(graph, "last_hidden_state") : penultimate(graph);
  const hasPooled = states === "penultimate" && hasOutput(graph, POOLED);
  const encodeRows = async (texts: readonly string[]): Promise<readonly EncodedText[]> => {
    const ids = feed(
      input,
      texts.flatMap((text) => tokenizer.encode(text)),
      [texts.length, tokenizer.length],
    );
    const results = await graph.run({ input_ids: ids }, hasPooled ? [stateName, POOLED] : [stateName]);
    const all = takeFloats(results, stateName, graph.file);
    const pooled = hasPooled ? takeFloats(results, POOLED, graph.file) : undefined;
    return texts.map((_, index) => ({
      states: rowOf(all, index),
      ...(pooled !== undefined && { pooled: rowOf(pooled, index) }),
    }));
  };
  return {
    async encode(texts) {
      const rows = Math.min(rowsPerRun(input), texts.length);
      const encoded: EncodedText[] = [];
      for (let start = 0; start < texts.length; start += rows)
        encoded.push(...(await encodeRows(texts.slice(start, start + rows))));
      return encoded;
    },
  };
}

const POOLED = "text_embeds";
const LAYER_STATES = /^hidden_states\.(\d+)$/;

/** The states before the last layer. Layers count from 0, the embedding. */
function penultimate(graph: Graph): string {
  const layers = graph.outputs
    .map(({ name }) => LAYER_STATES.exec(name)?.[1])
    .filter((layer) => layer !== undefined)
    .map(Number);
  if (layers.length < 2)
    throw new RangeError(`${graph.file} was exported without hidden_states, which this family needs`);
  return `hidden_states.${Math.max(...layers) - 1}`;
}

/** Row `index` of a tensor whose first axis counts rows, with a first axis of one. Shares the numbers. */
function rowOf({ dims: [rows = 1, ...rest], data }: Tensor<"float32">, index: number): Tensor<"float32"> {
  const size = data.length / rows;
  return { type: "float32", dims: [1, ...rest], data: data.subarray(index * size, (index + 1) * size) };
}
