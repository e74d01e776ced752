import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import type { BackendFactory } from "../backend.ts";
import { Sampler } from "../generation/sampling.ts";
import type { Reading } from "../generation/token-reader.ts";
import { TokenText } from "../generation/token-text.ts";
import { writeTokens } from "../generation/write-tokens.ts";
import type { Implementation, LoadedModel, RunContext } from "../implementation.ts";
import { KeptReadings } from "../language/kept-readings.ts";
import { LanguageModel } from "../language/language-model.ts";
import { Pieces } from "../language/pieces.ts";
import { StopTexts } from "../language/stop-texts.ts";
import { uniformOf } from "../random/uniform.ts";
import { rejected } from "../rejected.ts";
import { type ChatTokenizer, loadChatTokenizer, type Turn } from "../tokenizers/chat-tokenizer.ts";

type Request = PipelineRequest<"llm">;
type Response = PipelineRunnerResponse<"llm">;

/** Conversations with decoder-only language models. Source: runner-and-models 1.9, 5, 7.15. */
export function llm(backend: BackendFactory): Implementation<"llm"> {
  return {
    async load(context) {
      const tokenizer = await loadChatTokenizer(context.directory);
      return new LoadedLlm(await LanguageModel.load(backend, context), tokenizer, context.model);
    },
  };
}

class LoadedLlm implements LoadedModel<"llm"> {
  readonly #model: LanguageModel;
  readonly #tokenizer: ChatTokenizer;
  readonly #id: string;
  readonly #kept: KeptReadings<Reading> | undefined;

  constructor(model: LanguageModel, tokenizer: ChatTokenizer, id: string) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#id = id;
    if (model.readsOn) this.#kept = new KeptReadings(() => model.begin());
  }

  async run(request: Request, context: RunContext): Promise<Response> {
    const { clock, onProgress } = context;
    const prompt = this.#prompt(request.messages);
    const said: number[] = [];
    const head = { id: `chatcmpl-${uuid(context)}`, model: this.#id, created: Math.floor(clock.now() / 1000) };
    const usage = () => ({
      prompt_tokens: prompt.length,
      completion_tokens: said.length,
      total_tokens: prompt.length + said.length,
    });
    const tell = (content: string, finish: string) => {
      const delta = { role: "assistant", content };
      const choices = [{ index: 0, finish_reason: finish, delta, message: null }];
      onProgress({ kind: "part", part: { ...head, usage: usage(), choices } });
    };
    const text = new TokenText((ids) => this.#tokenizer.decode(ids));
    const pieces = new Pieces(clock, (piece) => tell(piece, ""));
    const until = new StopTexts([request.stop ?? []].flat());
    for await (const token of this.#tokens(prompt, request, context)) {
      said.push(token);
      if (!this.#model.ends.has(token)) pieces.add(until.add(text.add(token)));
      if (until.isFound) break;
    }
    pieces.end(until.add(text.end()) + until.end());
    const finish = until.isFound || this.#model.ends.has(said.at(-1) ?? -1) ? "stop" : "length";
    tell("", finish);
    const message = { role: "assistant", content: pieces.all };
    return { ...head, usage: usage(), choices: [{ index: 0, finish_reason: finish, delta: null, message }] };
  }

  async dispose(): Promise<void> {
    await this.#model.close();
  }

  /** The tokens of an answer, with the one that ends it if there is one. */
  async *#tokens(prompt: readonly number[], request: Request, { randomness, signal }: RunContext) {
    const { temperature, top_k: topK, top_p: topP, max_tokens: most, seed } = request;
    const chance = seed === undefined ? () => randomness.uniform() : uniformOf(seed);
    const sampler = new Sampler({ temperature, topK, topP }, chance);
    // Read on or read anew, numbers differ in their last bits: who wants the same text again gets it to the letter.
    const known = seed === undefined ? this.#kept?.recall(prompt) : undefined;
    const reading = known ?? this.#model.begin();
    const said: number[] = [];
    try {
      const tokens = writeTokens({
        reading,
        prompt: prompt.slice(reading.length),
        most: Math.min(most, this.#model.contextLength - prompt.length),
        ends: this.#model.ends,
        choose: (logits) => sampler.choose(logits),
        signal,
      });
      for await (const token of tokens) {
        said.push(token);
        yield token;
      }
    } finally {
      this.#kept?.keep([...prompt, ...said], reading);
    }
  }

  #prompt(turns: readonly Turn[]): readonly number[] {
    const ids = this.#tokenizer.encode(turns);
    const most = this.#model.contextLength;
    if (ids.length === 0) throw rejected("messages", "nothing is left of them in the form of this model");
    if (ids.length + 1 > most)
      throw rejected("messages", `Input of ${ids.length} tokens exceeds the maximum of ${most}`);
    return ids;
  }
}

/** A random UUID, of version 4. */
function uuid({ randomness }: RunContext): string {
  const bytes = Buffer.from(randomness.bytes(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
