import type { Graph, Port, Tensors } from "../backend.ts";
import { refuseNonFinite } from "../graphs/finite.ts";
import { takeOutput } from "../graphs/outputs.ts";
import { allowInputs, findInput, getInput, hasOutput } from "../graphs/ports.ts";
import { cropped, floatsOf, gathered, partOf, sizeOf, type Tensor, tensorOf } from "../tensor.ts";
import { type Kept, keptBy, nothingKept } from "./kept.ts";

/** The names that all exports use. Source: runner-and-models 7.3.1, 7.15. */
const IDS = "input_ids";
const VECTORS = "inputs_embeds";
const MASK = "attention_mask";
const POSITIONS = "position_ids";
const LOGITS = "logits";
/** Which half of a decoder of two halves runs: the one that reads what an encoder made, or the one that goes on. */
const GOES_ON = "use_cache_branch";
/** For how many tokens at the end some files work out what comes next; others always do for all. */
const ANSWERED: readonly string[] = ["num_logits_to_keep", "logits_to_keep"];

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

/** A decoder's inputs as far as it has them, and what it keeps. */
interface Form {
  readonly graph: Graph;
  readonly embedder: Graph | undefined;
  readonly ids: Port | undefined;
  readonly mask: Port | undefined;
  readonly positions: Port | undefined;
  readonly goesOn: Port | undefined;
  readonly answered: Port | undefined;
  readonly kept: readonly Kept[];
}

/**
 * A decoder of any kind: it reads tokens and says how likely each is to come next. What is read, what was read before
 * and what an encoder made go in under the names that the usual exports give them; a decoder gets those it asks for.
 */
export class TokenReader {
  readonly #form: Form;

  /** Throws `RangeError` for a graph with inputs that nobody would fill. */
  constructor(graph: Graph, { given = [], embedder }: ReaderOptions = {}) {
    const tokens = embedder === undefined ? IDS : VECTORS;
    for (const name of [tokens, ...given]) getInput(graph, name);
    const kept = keptBy(graph);
    const pasts = kept.map(({ past }) => past.name);
    allowInputs(graph, [tokens, MASK, POSITIONS, GOES_ON, ...ANSWERED, ...given, ...pasts]);
    this.#form = {
      graph,
      embedder,
      ids: findInput(graph, IDS),
      mask: findInput(graph, MASK),
      positions: findInput(graph, POSITIONS),
      goesOn: findInput(graph, GOES_ON),
      answered: graph.inputs.find(({ name }) => ANSWERED.includes(name)),
      kept,
    };
  }

  /** Whether it goes on with many tokens as fast as it begins with them, not one by one. */
  get readsOn(): boolean {
    return this.#form.goesOn === undefined;
  }

  /** Whether the decoder gives an output of this name. */
  gives(output: string): boolean {
    return hasOutput(this.#form.graph, output);
  }

  /** A text of which nothing is read yet; or several, each with its own row in what is given. */
  begin(given: Tensors = {}, texts = 1): Reading {
    return new Reading(this.#form, given, texts);
  }
}

/**
 * One text, or several of one length, as far as they are read. What a run gives of them goes into the next as it is. Reading
 * several at once takes less time than one after the other, because most of it goes into fetching a model's weights.
 */
export class Reading {
  readonly #form: Form;
  #given: Tensors;
  /** What is kept of the text and of what an encoder made, by input name. */
  readonly #past: Record<string, Tensor>;
  #texts: number;
  #length = 0;
  #ones: Tensor | undefined;

  constructor(form: Form, given: Tensors, texts: number) {
    this.#form = form;
    this.#given = given;
    this.#texts = texts;
    this.#past = Object.fromEntries(form.kept.map((kept) => [kept.past.name, nothingKept(kept, texts, form.graph)]));
  }

  /** Tokens that are read. */
  get length(): number {
    return this.#length;
  }

  /** How much memory it takes. */
  get bytes(): number {
    return [...Object.values(this.#given), ...Object.values(this.#past)].reduce(
      (sum, { data }) => sum + data.byteLength,
      0,
    );
  }

  /**
   * Reads on, one token at least. Ends with the signal's reason within a run. Throws "runner.failed" when what comes out
   * are no finite numbers.
   */
  async read(ids: readonly number[], options: ReadOptions): Promise<Answer> {
    let done = 0;
    for (let most = this.#atOnce; ids.length - done > most; most = this.#atOnce) {
      await this.#run([ids.slice(done, done + most)], options.signal);
      done += most;
    }
    const [answer] = await this.readAll([done === 0 ? ids : ids.slice(done)], options);
    if (answer === undefined) throw new RangeError("nothing was read");
    return answer;
  }

  /** The same for several texts, in which as many tokens are read on each. What is answered beside the logits is about all. */
  async readAll(
    ids: readonly (readonly number[])[],
    { signal, outputs = [] }: ReadOptions,
  ): Promise<readonly Answer[]> {
    const results = await this.#run(ids, signal, [LOGITS, ...outputs]);
    const answer = takeOutput(results, LOGITS, this.#form.graph.file);
    const [size, vocabulary] = [answer.data.length / ids.length, answer.dims.at(-1) ?? 0];
    return ids.map((_, text) => {
      const logits = floatsOf(partOf(answer, [vocabulary], (text + 1) * size - vocabulary));
      refuseNonFinite(logits, "answer");
      return { logits, outputs: results };
    });
  }

  /** Goes on with some of the texts. */
  keepTexts(texts: readonly number[]): void {
    const chosen = (tensors: Tensors) =>
      Object.fromEntries(
        Object.entries(tensors).map(([name, tensor]) => [name, gathered(texts.map((text) => [tensor, text]))]),
      );
    this.#given = chosen(this.#given);
    Object.assign(this.#past, chosen(this.#past));
    this.#texts = texts.length;
  }

  /** Another reading, which knows the first tokens of this one and goes its own way from there. */
  copy(tokens: number): Reading {
    const copy = new Reading(this.#form, this.#given, this.#texts);
    Object.assign(copy.#past, this.#past);
    copy.#length = this.#length;
    copy.keep(tokens);
    return copy;
  }

  /** Forgets all but the first tokens. */
  keep(tokens: number): void {
    if (tokens >= this.#length) return;
    const { graph, kept } = this.#form;
    for (const each of kept) {
      const { name } = each.past;
      if (!each.isOfEncoder)
        this.#past[name] = cropped(this.#past[name] ?? nothingKept(each, this.#texts, graph), tokens);
    }
    this.#length = tokens;
  }

  /**
   * How many tokens the next run reads at most. A half that goes on was exported with one token, where it makes no
   * difference whether tokens see those after them: only the half that begins is sure to hide them.
   */
  get #atOnce(): number {
    if (this.#form.goesOn === undefined) return AT_ONCE;
    return this.#length === 0 ? Number.POSITIVE_INFINITY : 1;
  }

  async #run(
    ids: readonly (readonly number[])[],
    signal: AbortSignal,
    wanted: readonly string[] = [],
  ): Promise<Tensors> {
    const { graph, kept } = this.#form;
    const fresh = this.#length === 0 ? kept : kept.filter(({ isOfEncoder }) => !isOfEncoder);
    const results = await graph.run(await this.#feeds(ids), [...wanted, ...fresh.map(({ present }) => present)]);
    signal.throwIfAborted();
    for (const { past, present } of fresh) this.#past[past.name] = takeOutput(results, present, graph.file);
    this.#length += ids[0]?.length ?? 0;
    return results;
  }

  async #feeds(texts: readonly (readonly number[])[]): Promise<Tensors> {
    const { embedder, ids: tokens, mask, positions, goesOn, answered } = this.#form;
    const [first = []] = texts;
    const ids = texts.flat();
    const dims = [texts.length, first.length];
    const feeds: Record<string, Tensor> = { ...this.#given, ...this.#past };
    if (embedder !== undefined) feeds[VECTORS] = await vectorsOf(embedder, ids, dims);
    else if (tokens !== undefined) feeds[IDS] = tensorOf(tokens.type, ids, dims);
    if (mask !== undefined) feeds[MASK] = this.#onesFor(mask, [texts.length, this.#length + first.length]);
    if (positions !== undefined) {
      const places = texts.flatMap((text) => text.map((_, index) => this.#length + index));
      feeds[POSITIONS] = tensorOf(positions.type, places, dims);
    }
    if (goesOn !== undefined) feeds[GOES_ON] = tensorOf(goesOn.type, [this.#length === 0 ? 0 : 1], [1]);
    if (answered !== undefined) feeds[answered.name] = tensorOf(answered.type, [1], []);
    return feeds;
  }

  /** A mask that masks nothing. */
  #onesFor({ type }: Port, dims: readonly number[]): Tensor {
    const total = sizeOf(dims);
    if (this.#ones === undefined || this.#ones.data.length < total)
      this.#ones = tensorOf(type, new Array<number>(total * 2).fill(1), [total * 2]);
    return partOf(this.#ones, dims);
  }
}

async function vectorsOf(embedder: Graph, ids: readonly number[], dims: readonly number[]): Promise<Tensor> {
  const { type } = getInput(embedder, IDS);
  const results = await embedder.run({ [IDS]: tensorOf(type, ids, dims) }, [VECTORS]);
  return takeOutput(results, VECTORS, embedder.file);
}
