import type { Graph, Port, Tensors } from "../backend.ts";
import { refuseNonFinite } from "../diffusion/decoder.ts";
import { findInput, getInput } from "../diffusion/ports.ts";
import { cropped, firstOf, floatsOf, type Tensor, tensorOf } from "../tensor.ts";

/** The names that all exports use. Source: runner-and-models 7.3.1, 7.15. */
const IDS = "input_ids";
const VECTORS = "inputs_embeds";
const MASK = "attention_mask";
const POSITIONS = "position_ids";
const LOGITS = "logits";
const PAST = "past_key_values.";
const PRESENT = "present.";
/** What a decoder keeps of what an encoder made: the same from its first run on. */
const OF_ENCODER = ".encoder.";
/** Which half of a decoder of two halves runs: the one that reads what an encoder made, or the one that goes on. */
const GOES_ON = "use_cache_branch";
/** For how many tokens at the end some files work out what comes next; others always do for all. */
const ANSWERED = ["num_logits_to_keep", "logits_to_keep"] as const;

/**
 * How many tokens of a long text are read in one run. What a run needs grows with this, and little is gained by more; and
 * nobody can call off a run.
 */
const AT_ONCE = 256;

export interface ReaderOptions {
  /** Inputs beside the usual ones, which every reading is given: what an encoder made. */
  readonly given?: readonly string[];
  /** For decoders that read vectors: the graph that makes them from tokens. */
  readonly embedder?: Graph;
}

export interface ReadOptions {
  readonly signal: AbortSignal;
  /** Other outputs that are wanted, of the last run when there are several. */
  readonly outputs?: readonly string[];
}

export interface Answer {
  /** How likely each token of the vocabulary is to come next. The reader's own, to be changed, until it reads on. */
  readonly logits: Float32Array;
  readonly outputs: Tensors;
}

/**
 * A decoder of any kind: it reads tokens and says how likely each is to come next. What is read, what was read before
 * and what an encoder made go in under the names that the usual exports give them; a decoder gets those it asks for.
 */
export class TokenReader {
  readonly #graph: Graph;
  readonly #options: ReaderOptions;
  readonly #past: readonly Port[];

  /** Throws `RangeError` for a graph with inputs that nobody would fill. */
  constructor(graph: Graph, options: ReaderOptions = {}) {
    const { given = [], embedder } = options;
    const tokens = embedder === undefined ? IDS : VECTORS;
    for (const name of [tokens, ...given]) getInput(graph, name);
    const known: readonly string[] = [tokens, MASK, POSITIONS, GOES_ON, ...ANSWERED, ...given];
    for (const { name } of graph.inputs)
      if (!known.includes(name) && !name.startsWith(PAST))
        throw new RangeError(`${graph.file} has an unknown input ${name}`);
    this.#graph = graph;
    this.#options = options;
    this.#past = graph.inputs.filter(({ name }) => name.startsWith(PAST));
  }

  /** Whether the decoder gives an output of this name. */
  gives(output: string): boolean {
    return this.#graph.outputs.some(({ name }) => name === output);
  }

  /** A text of which nothing is read yet. */
  begin(given: Tensors = {}): Reading {
    return new Reading(this.#graph, this.#past, this.#options.embedder, given);
  }
}

/** One text, as far as it is read. What a run gives of it goes into the next as it is. */
export class Reading {
  readonly #graph: Graph;
  readonly #embedder: Graph | undefined;
  readonly #given: Tensors;
  /** What is kept of the text and of what an encoder made, by input name. */
  #past: ReadonlyMap<string, Tensor>;
  #length = 0;
  #ones: Tensor | undefined;

  constructor(graph: Graph, past: readonly Port[], embedder: Graph | undefined, given: Tensors) {
    this.#graph = graph;
    this.#embedder = embedder;
    this.#given = given;
    this.#past = new Map(past.map((port) => [port.name, nothing(port)]));
  }

  /** Tokens that are read. */
  get length(): number {
    return this.#length;
  }

  /**
   * Reads on, one token at least. Ends with the signal's reason within a run. Throws "runner.failed" when what comes out
   * are no finite numbers.
   */
  async read(ids: readonly number[], { signal, outputs = [] }: ReadOptions): Promise<Answer> {
    let done = 0;
    for (; ids.length - done > AT_ONCE; done += AT_ONCE) await this.#run(ids.slice(done, done + AT_ONCE), signal, []);
    const results = await this.#run(done === 0 ? ids : ids.slice(done), signal, [LOGITS, ...outputs]);
    const answer = get(results, LOGITS);
    const logits = floatsOf(answer).subarray(-(answer.dims.at(-1) ?? 0));
    let sum = 0;
    for (let id = 0; id < logits.length; id++) sum += logits[id] ?? 0;
    refuseNonFinite(sum, "answer");
    return { logits, outputs: results };
  }

  /** Forgets all but the first tokens. */
  keep(tokens: number): void {
    if (tokens >= this.#length) return;
    const crop = (name: string, tensor: Tensor) => (name.includes(OF_ENCODER) ? tensor : cropped(tensor, tokens));
    this.#past = new Map([...this.#past].map(([name, tensor]) => [name, crop(name, tensor)]));
    this.#length = tokens;
  }

  async #run(ids: readonly number[], signal: AbortSignal, wanted: readonly string[]): Promise<Tensors> {
    const feeds: Record<string, Tensor> = { ...this.#given };
    await this.#feedTokens(feeds, ids);
    for (const [name, tensor] of this.#past) feeds[name] = tensor;
    const kept = [...this.#past.keys()].filter((name) => this.#length === 0 || !name.includes(OF_ENCODER));
    const results = await this.#graph.run(feeds, [...wanted, ...kept.map(presentOf)]);
    signal.throwIfAborted();
    this.#past = new Map([...this.#past, ...kept.map((name) => [name, get(results, presentOf(name))] as const)]);
    this.#length += ids.length;
    return results;
  }

  async #feedTokens(feeds: Record<string, Tensor>, ids: readonly number[]): Promise<void> {
    const total = this.#length + ids.length;
    const put = (name: string, values: readonly number[], dims: readonly number[]) => {
      const port = findInput(this.#graph, name);
      if (port !== undefined) feeds[name] = tensorOf(port.type, values, dims);
    };
    if (this.#embedder === undefined) put(IDS, ids, [1, ids.length]);
    else feeds[VECTORS] = await vectorsOf(this.#embedder, ids);
    put(
      POSITIONS,
      ids.map((_, index) => this.#length + index),
      [1, ids.length],
    );
    put(GOES_ON, [this.#length === 0 ? 0 : 1], [1]);
    for (const name of ANSWERED) put(name, [1], []);
    const mask = findInput(this.#graph, MASK);
    if (mask !== undefined) feeds[MASK] = firstOf(this.#onesFor(mask, total), [1, total]);
  }

  #onesFor({ type }: Port, total: number): Tensor {
    if (this.#ones === undefined || this.#ones.data.length < total)
      this.#ones = tensorOf(type, new Array<number>(total * 2).fill(1), [total * 2]);
    return this.#ones;
  }
}

async function vectorsOf(embedder: Graph, ids: readonly number[]): Promise<Tensor> {
  const { type } = getInput(embedder, IDS);
  const results = await embedder.run({ [IDS]: tensorOf(type, ids, [1, ids.length]) }, [VECTORS]);
  return get(results, VECTORS);
}

function presentOf(past: string): string {
  return `${PRESENT}${past.slice(PAST.length)}`;
}

function get(results: Tensors, name: string): Tensor {
  const found = results[name];
  if (found === undefined) throw new RangeError(`the model gave no ${name}`);
  return found;
}

/** No tokens at all: [1, heads, 0, width]. */
function nothing({ name, type, dims: [, heads, , width] }: Port): Tensor {
  if (typeof heads !== "number" || typeof width !== "number")
    throw new RangeError(`the file does not say how many numbers ${name} has`);
  return tensorOf(type, [], [1, heads, 0, width]);
}
