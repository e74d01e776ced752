import { type Milliseconds, minutes, ms } from "@rivulet/primitives";
import { recordOf } from "./answer.ts";
import {
  type Ask,
  type Dialect,
  failed,
  jsonIn,
  type LanguageClientPorts,
  messageOf,
  nameOf,
  type Piece,
  type ServedModel,
} from "./language-client.ts";

/** How models of the network are called there, where the operator does not say. Source: runner-and-models 5.4. */
const tags: Readonly<Record<string, string>> = {
  "meta-llama/Meta-Llama-3.1-8B-Instruct": "llama3.1:8b",
  "meta-llama/llama-3.1-8B-Instruct": "llama3.1:8b",
  "meta-llama/Meta-Llama-3.1-70B-Instruct": "llama3.1:70b",
  "mistralai/Mistral-7B-Instruct-v0.3": "mistral:7b",
  "google/gemma-2-9b-it": "gemma2:9b",
};

/** Stay in memory until told otherwise. */
const FOREVER = -1;
/** After which a model that could not be fetched or loaded is tried again. */
const AGAIN = minutes(10);
/** A line of an answer; what is longer is none. */
const MAX_LINE = 1_000_000;

/**
 * Ollama. Models it lacks are fetched, one at a time, and warm ones brought into memory; neither is offered before it is
 * there. Source: runner-and-models 5.4.
 */
export class OllamaDialect implements Dialect {
  readonly chat = "/api/chat";
  readonly streamType = "application/x-ndjson";
  readonly #ports: LanguageClientPorts;
  /** What it is busy with between two questions: fetching or loading one model. */
  #chore: Promise<void> | undefined;
  /** Models that could not be had, and when to try again. */
  readonly #refused = new Map<string, Milliseconds>();

  constructor(ports: LanguageClientPorts) {
    this.#ports = ports;
  }

  base(prefix: string): string {
    return prefix.replace(/\/v1$/, "");
  }

  body(
    model: ServedModel,
    { messages, max_tokens, temperature, top_p, top_k, seed, stop }: Parameters<Dialect["body"]>[1],
  ): object {
    return {
      model: tagOf(model),
      messages,
      stream: true,
      // A conversation that is too long is refused, not cut, and an answer ends where the context does.
      truncate: false,
      shift: false,
      // Each job says anew how long the model stays.
      ...(model.isWarm && { keep_alive: FOREVER }),
      options: {
        num_predict: max_tokens,
        temperature,
        top_p,
        ...(top_k > 0 && { top_k }),
        ...(seed !== undefined && { seed }),
        ...(stop !== undefined && { stop: [stop].flat() }),
      },
    };
  }

  async *pieces(body: AsyncIterable<Uint8Array>): AsyncGenerator<Piece> {
    for await (const line of linesOf(body)) {
      const told = jsonIn(line);
      const {
        error,
        message,
        done,
        done_reason: reason,
        prompt_eval_count: prompt,
        eval_count: completion,
      } = recordOf(told);
      if (told === undefined) throw failed("a line of the stream is not JSON");
      if (error !== undefined) throw failed(messageOf(error) ?? "the server reported an error");
      const { content } = recordOf(message);
      yield {
        ...(typeof content === "string" && { text: content }),
        ...(done === true && { finish: reason === "length" ? "length" : "stop" }),
        ...(done === true &&
          typeof completion === "number" && { usage: { prompt: typeof prompt === "number" ? prompt : 0, completion } }),
      };
    }
  }

  async available(models: readonly ServedModel[], ask: Ask, signal: AbortSignal): Promise<readonly ServedModel[]> {
    const [here, loaded] = await Promise.all([namesIn(ask, "/api/tags", signal), namesIn(ask, "/api/ps", signal)]);
    const lacking = models.filter((model) => !here.has(fullName(tagOf(model))));
    const cold = models.filter(
      (model) => model.isWarm && !lacking.includes(model) && !loaded.has(fullName(tagOf(model))),
    );
    const isDue = (model: ServedModel) => (this.#refused.get(tagOf(model)) ?? ms(0)) <= this.#ports.clock.monotonic();
    const [toFetch] = lacking.filter(isDue);
    const [toLoad] = cold.filter(isDue);
    if (toFetch !== undefined) this.#begin(ask, "/api/pull", toFetch, { stream: false });
    else if (toLoad !== undefined) this.#begin(ask, "/api/generate", toLoad, { keep_alive: FOREVER, stream: false });
    return models
      .filter((model) => !lacking.includes(model))
      .map((model) => ({ ...model, isWarm: loaded.has(fullName(tagOf(model))) }));
  }

  /** Answered when it is done, which may take an hour; `available` sees what has become of it. */
  #begin(ask: Ask, path: string, model: ServedModel, how: object): void {
    if (this.#chore !== undefined) return;
    const { clock, log } = this.#ports;
    const tag = tagOf(model);
    log.info(path === "/api/pull" ? "fetching the model" : "loading the model", { tag });
    // Ended by the connections it goes through, when those are closed.
    this.#chore = ask(path, { signal: new AbortController().signal, post: { model: tag, ...how } })
      .then(
        () => {},
        (error: unknown) => {
          this.#refused.set(tag, ms(clock.monotonic() + AGAIN));
          log.warn("the model is not to be had", { tag, reason: error instanceof Error ? error.message : "" });
        },
      )
      .finally(() => {
        this.#chore = undefined;
      });
  }
}

function tagOf(model: ServedModel): string {
  return model.upstream ?? tags[model.model] ?? nameOf(model);
}

/** Without a version the newest is meant. */
function fullName(tag: string): string {
  return (tag.split("/").at(-1) ?? "").includes(":") ? tag : `${tag}:latest`;
}

async function namesIn(ask: Ask, path: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const { models } = recordOf(await ask(path, { signal }));
  const entries = Array.isArray(models) ? models.map(recordOf) : [];
  return new Set(entries.map(({ name }) => fullName(String(name))));
}

/** The lines of a body, the last with or without its end. */
async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let held = "";
  for await (const chunk of body) {
    held += decoder.decode(chunk, { stream: true });
    const lines = held.split("\n");
    held = lines.pop() ?? "";
    if (held.length > MAX_LINE) throw failed(`a line of more than ${MAX_LINE} characters`);
    yield* lines.filter((line) => line.trim() !== "");
  }
  if (held.trim() !== "") yield held;
}
