import type { IncomingMessage, ServerResponse } from "node:http";
import { FakeServer, leftOf } from "./fake-server.ts";

/** Whose manners the fake has. */
export type LanguageServerKind = "vllm" | "llama.cpp" | "ollama";

/** A question that arrived at the fake. */
export interface LanguageQuestion {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Aborted when the asker hung up before it had the whole answer. */
  readonly left: AbortSignal;
}

/** An answer as it is written, piece by piece, and how it ends. */
export interface LanguageAnswer {
  readonly pieces: Iterable<string> | AsyncIterable<string>;
  readonly finish?: string;
  /** Tokens; left out by servers that do not count. */
  readonly usage?: { readonly prompt: number; readonly completion: number };
  /** `cut` breaks the connection, `unfinished` ends without saying why, the other two say something else instead. */
  readonly ending?: "whole" | "cut" | "unfinished" | "error" | "rubbish";
}

/** A refusal, or an answer of any other kind. */
export interface LanguageRefusal {
  readonly status: number;
  readonly type?: string;
  readonly body: string;
}

export type LanguageBehaviour = (
  question: LanguageQuestion,
) => LanguageAnswer | LanguageRefusal | "hang" | Promise<LanguageAnswer | LanguageRefusal | "hang">;

export interface FakeLanguageServerOptions {
  readonly kind: LanguageServerKind;
  readonly models: readonly string[];
  /** Asked of everybody when given. */
  readonly token?: string;
}

/** Two pieces and a count that is not theirs: as of a tokenizer that cuts finer than it tells. */
export const answersInWords: LanguageBehaviour = () => ({
  pieces: ["Hello", " there"],
  usage: { prompt: 11, completion: 5 },
});

/**
 * A server of language models with the manners of a real one, over real sockets, with nothing behind it. What was asked is
 * kept; what is answered a test decides.
 */
export class FakeLanguageServer extends FakeServer {
  readonly #options: FakeLanguageServerOptions;
  /** Every conversation that arrived, in order. */
  readonly questions: LanguageQuestion[] = [];
  /** What it has, by its own names. */
  models: string[];
  /** What Ollama holds in memory. */
  readonly loaded = new Set<string>();
  /** What Ollama was told to fetch or load, and is told to be done with. */
  readonly chores: { readonly path: string; readonly model: string }[] = [];
  /** Whether what is fetched can be had. */
  canFetch = true;
  /** While it starts it answers questions about itself with this. */
  status = 200;
  /** What it says of itself in other words, by path: those of a real server, as they were recorded. */
  readonly recorded = new Map<string, LanguageRefusal>();
  #behaviour: LanguageBehaviour = answersInWords;

  constructor(options: FakeLanguageServerOptions) {
    super();
    this.#options = options;
    this.models = [...options.models];
  }

  /** As an operator writes it: with `/v1` where that is the custom. */
  override get url(): string {
    return this.#options.kind === "ollama" ? super.url : `${super.url}/v1`;
  }

  behave(behaviour: LanguageBehaviour): void {
    this.#behaviour = behaviour;
  }

  protected override get kept() {
    return this.questions;
  }

  protected override answer(request: IncomingMessage, response: ServerResponse): void {
    this.#serve(request, response).catch(() => response.destroy());
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    const { token, kind } = this.#options;
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      return json(response, 401, { error: "Unauthorized" });
    const body = await bodyOf(request);
    if (path === (kind === "ollama" ? "/api/chat" : "/v1/chat/completions"))
      return await this.#converse(path, body, request, response);
    if (this.status !== 200)
      return json(response, this.status, {
        error: { message: "Loading model", type: "unavailable_error", code: this.status },
      });
    const recorded = this.recorded.get(path);
    if (recorded !== undefined) return say(response, recorded);
    const told = kind === "ollama" ? await this.#ollama(path, body) : this.#openAi(path);
    if (told === undefined) return json(response, 404, { detail: "Not Found" });
    return json(response, "error" in told ? 500 : 200, told);
  }

  #openAi(path: string): object | undefined {
    if (path !== "/v1/models") return undefined;
    const owner = this.#options.kind === "vllm" ? "vllm" : "llamacpp";
    const data = this.models.map((id) => ({ id, object: "model", created: 1, owned_by: owner }));
    return { object: "list", data };
  }

  async #ollama(path: string, body: Readonly<Record<string, unknown>>): Promise<object | undefined> {
    const listed = (names: Iterable<string>) => ({
      models: Array.from(names, (name) => ({ name, model: name, size: 1 })),
    });
    if (path === "/api/version") return { version: "0.12.0" };
    if (path === "/api/tags") return listed(this.models);
    if (path === "/api/ps") return listed(this.loaded);
    const model = String(body["model"]);
    if (path === "/api/pull") {
      this.chores.push({ path, model });
      if (!this.canFetch) return { error: "pull model manifest: file does not exist" };
      this.models.push(model);
      return { status: "success" };
    }
    if (path === "/api/generate") {
      this.chores.push({ path, model });
      this.loaded.add(model);
      return { model, response: "", done: true, done_reason: "load" };
    }
    return undefined;
  }

  async #converse(
    path: string,
    body: Readonly<Record<string, unknown>>,
    { headers }: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const left = leftOf(response);
    const question = { path, body, headers, left };
    this.questions.push(question);
    this.tell();
    const model = String(body["model"]);
    const answer = this.#lacks(model) ? this.#noSuch(model) : await this.#behaviour(question);
    if (answer === "hang") return;
    if ("status" in answer) return say(response, answer);
    const lines =
      this.#options.kind === "ollama" ? ollamaLines : this.#options.kind === "vllm" ? vllmLines : llamaCppLines;
    const type = this.#options.kind === "ollama" ? "application/x-ndjson" : "text/event-stream; charset=utf-8";
    response.writeHead(200, { "content-type": type });
    response.flushHeaders();
    for await (const line of lines(model, answer, wantsUsage(body))) {
      if (left.aborted) return;
      response.write(line);
    }
    if (answer.ending === "cut") response.destroy();
    else response.end();
  }

  #lacks(model: string): boolean {
    return this.#options.kind !== "llama.cpp" && !this.models.includes(model);
  }

  #noSuch(model: string): LanguageRefusal {
    const told =
      this.#options.kind === "ollama"
        ? { error: `model "${model}" not found, try pulling it first` }
        : {
            error: { message: `The model \`${model}\` does not exist.`, type: "NotFoundError", param: null, code: 404 },
          };
    return { status: 404, body: JSON.stringify(told) };
  }
}

function wantsUsage(body: Readonly<Record<string, unknown>>): boolean {
  const { stream_options: options } = body;
  return typeof options === "object" && options !== null && Reflect.get(options, "include_usage") === true;
}

const event = (value: object) => `data: ${JSON.stringify(value)}\n\n`;

/** What a server of either kind says in place of an end, and whether it says anything else. */
function* otherEnd({ ending = "whole" }: LanguageAnswer, error: string): Generator<string, boolean> {
  if (ending === "error") yield error;
  if (ending === "rubbish") yield "data: <html>\n\n";
  return ending === "whole";
}

/** First a piece with the role, then the words, why it ended, and, when asked, the count in a piece without choices. */
async function* vllmLines(model: string, answer: LanguageAnswer, counts: boolean): AsyncGenerator<string> {
  const head = { id: "chatcmpl-51b8", object: "chat.completion.chunk", created: 1_700_000_000, model };
  const choice = (delta: object, reason: string | null) => ({
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
  });
  yield event(choice({ role: "assistant", content: "" }, null));
  for await (const content of answer.pieces) yield event(choice({ content }, null));
  const error = event({ error: { message: "CUDA out of memory", type: "InternalServerError", code: 500 } });
  if (!(yield* otherEnd(answer, error))) return;
  yield event(choice({ content: "" }, answer.finish ?? "stop"));
  if (counts && answer.usage !== undefined) yield event({ ...head, choices: [], usage: usageOf(answer.usage) });
  yield "data: [DONE]\n\n";
}

/** No content in the first piece, a comment to keep the line alive, the count and timings in a piece without choices. */
async function* llamaCppLines(_model: string, answer: LanguageAnswer, counts: boolean): AsyncGenerator<string> {
  const head = { created: 1_700_000_000, id: "chatcmpl-Xq", model: "gpt-3.5-turbo", object: "chat.completion.chunk" };
  const choice = (delta: object, reason: string | null) =>
    event({ choices: [{ finish_reason: reason, index: 0, delta }], ...head });
  yield choice({ role: "assistant", content: null }, null);
  yield ":\n\n";
  for await (const content of answer.pieces) yield choice({ content }, null);
  if (!(yield* otherEnd(answer, event({ error: { code: 500, message: "context shift is disabled" } })))) return;
  yield choice({}, answer.finish ?? "stop");
  if (counts && answer.usage !== undefined)
    yield event({ choices: [], ...head, usage: usageOf(answer.usage), timings: { predicted_ms: 1 } });
  yield "data: [DONE]\n\n";
}

async function* ollamaLines(model: string, answer: LanguageAnswer): AsyncGenerator<string> {
  const line = (value: object) => `${JSON.stringify({ model, created_at: "2025-01-01T00:00:00Z", ...value })}\n`;
  for await (const content of answer.pieces) yield line({ message: { role: "assistant", content }, done: false });
  if (!(yield* otherEnd(answer, '{"error":"llama runner process has terminated"}\n'))) return;
  const { usage } = answer;
  yield line({
    message: { role: "assistant", content: "" },
    done: true,
    done_reason: answer.finish ?? "stop",
    total_duration: 5_000_000,
    load_duration: 1_000_000,
    // A prompt it still knew is not counted.
    ...(usage !== undefined && usage.prompt > 0 && { prompt_eval_count: usage.prompt }),
    ...(usage !== undefined && { eval_count: usage.completion }),
  });
}

function usageOf({ prompt, completion }: NonNullable<LanguageAnswer["usage"]>) {
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? {} : JSON.parse(text);
}

function json(response: ServerResponse, status: number, value: unknown): void {
  say(response, { status, body: JSON.stringify(value) });
}

function say(response: ServerResponse, { status, type = "application/json", body }: LanguageRefusal): void {
  response.writeHead(status, { "content-type": type }).end(body);
}
