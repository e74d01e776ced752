import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import { type Milliseconds, ms } from "@rivulet/primitives";
import type { BackendFactory } from "../diffusion/picture-maker.ts";
import { Sampler } from "../generation/sampling.ts";
import { TokenText } from "../generation/token-text.ts";
import { writeTokens } from "../generation/write-tokens.ts";
import type { Implementation, LoadedModel, RunContext } from "../implementation.ts";
import { LanguageModel } from "../language/language-model.ts";
import { rejected } from "../rejected.ts";
import { type ChatTokenizer, loadChatTokenizer, type Turn } from "../tokenizers/chat-tokenizer.ts";

type Request = PipelineRequest<"llm">;
type Response = PipelineRunnerResponse<"llm">;

/** Conversations with decoder-only language models. Source: runner-and-models 1.9, 5, 7.15. */
export function llm(backend: BackendFactory): Implementation<"llm"> {
  return {
    async load({ directory, model, threads, engine = {}, log, onProgress }) {
      const { providers = [] } = engine;
      const tokenizer = await loadChatTokenizer(directory);
      const decoder = await LanguageModel.load({
        directory,
        backend: backend({ providers, log }),
        threads,
        onProgress,
      });
      return new LoadedLlm(decoder, tokenizer, model);
    },
  };
}

/** Pieces of text are sent on together when they come faster. */
const PIECE_INTERVAL: Milliseconds = ms(20);

class LoadedLlm implements LoadedModel<"llm"> {
  readonly #model: LanguageModel;
  readonly #tokenizer: ChatTokenizer;
  readonly #id: string;

  constructor(model: LanguageModel, tokenizer: ChatTokenizer, id: string) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#id = id;
  }

  async run(request: Request, context: RunContext): Promise<Response> {
    const prompt = this.#prompt(request.messages);
    const room = Math.min(request.max_tokens, this.#model.contextLength - prompt.length);
    const head = { id: `chatcmpl-${uuid(context)}`, model: this.#id, created: Math.floor(context.clock.now() / 1000) };
    const usage = (completion: number) => ({
      prompt_tokens: prompt.length,
      completion_tokens: completion,
      total_tokens: prompt.length + completion,
    });
    const tell = (delta: string, completion: number, finish: string) =>
      context.onProgress({
        kind: "part",
        part: {
          ...head,
          usage: usage(completion),
          choices: [{ index: 0, finish_reason: finish, delta: { role: "assistant", content: delta }, message: null }],
        },
      });
    let text = "";
    let held = "";
    let told: Milliseconds | undefined;
    let completion = 0;
    let finish = "length";
    const written = new TokenText((ids) => this.#tokenizer.decode(ids));
    const { temperature, top_k: topK, top_p: topP } = request;
    const sampler = new Sampler({ temperature, topK, topP }, () => context.randomness.uniform());
    const tokens = writeTokens({
      reading: this.#model.begin(),
      prompt,
      most: room,
      ends: this.#model.ends,
      choose: (logits) => sampler.choose(logits),
      signal: context.signal,
    });
    for await (const token of tokens) {
      completion += 1;
      if (this.#model.ends.has(token)) {
        finish = "stop";
        break;
      }
      held += written.add(token);
      const now = context.clock.monotonic();
      if (held === "" || (told !== undefined && now - told < PIECE_INTERVAL)) continue;
      tell(held, completion, "");
      text += held;
      held = "";
      told = now;
    }
    held += written.end();
    if (held !== "") tell(held, completion, "");
    text += held;
    tell("", completion, finish);
    const message = { role: "assistant", content: text };
    return { ...head, usage: usage(completion), choices: [{ index: 0, finish_reason: finish, delta: null, message }] };
  }

  async dispose(): Promise<void> {
    await this.#model.close();
  }

  #prompt(turns: readonly Turn[]): readonly number[] {
    const ids = this.#tokenizer.encode(turns);
    const most = this.#model.contextLength;
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
