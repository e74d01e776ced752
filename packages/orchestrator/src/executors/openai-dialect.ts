import { readEvents } from "@rivulet/wire";
import { recordOf } from "./answer.ts";
import { type Dialect, failed, jsonIn, messageOf, nameOf, type Piece } from "./language-client.ts";

/** The last line of a stream. */
const DONE = "[DONE]";

/** Any server with the interface of OpenAI's: vLLM, llama.cpp, TGI, and others' accounts. Source: runner-and-models 5.4. */
export const openAiDialect: Dialect = {
  chat: "/chat/completions",
  streamType: "text/event-stream",

  base: (prefix) => (prefix.endsWith("/v1") ? prefix : `${prefix}/v1`),

  body: (model, { messages, max_tokens, temperature, top_p, top_k, seed, stop }) => ({
    model: nameOf(model),
    messages,
    max_tokens,
    temperature,
    top_p,
    // Not all know it, and what means "all" differs.
    ...(top_k > 0 && { top_k }),
    ...(seed !== undefined && { seed }),
    ...(stop !== undefined && { stop }),
    stream: true,
    // The count of tokens comes in a last piece of its own.
    stream_options: { include_usage: true },
  }),

  async *pieces(body) {
    for await (const text of readEvents(body)) {
      if (text === DONE) return;
      const event = jsonIn(text);
      const { error, choices, usage } = recordOf(event);
      if (event === undefined) throw failed("a line of the stream is not JSON");
      if (error !== undefined && error !== null) throw failed(messageOf(error) ?? "the server reported an error");
      yield { ...said(Array.isArray(choices) ? choices[0] : undefined), ...counted(usage) };
    }
  },

  async available(models, ask, signal) {
    const { data } = recordOf(await ask("/models", { signal }));
    // Who lists nothing has to be believed.
    if (!Array.isArray(data)) return models.map((model) => ({ ...model, isWarm: true }));
    const entries = data.map(recordOf);
    return models.flatMap((model) => {
      const entry = entries.find((each) => isCalled(each, nameOf(model)));
      return entry === undefined ? [] : [{ ...model, isWarm: isLoaded(entry) }];
    });
  },
};

/** llama.cpp takes any name for the one model it was started with. Of a folder of models it says of each how it stands. */
function isCalled({ id, aliases, owned_by: by, status }: Readonly<Record<string, unknown>>, name: string): boolean {
  if (by === "llamacpp" && status === undefined) return true;
  return id === name || (Array.isArray(aliases) && aliases.includes(name));
}

/** Whoever does not say has loaded it. */
function isLoaded({ status }: Readonly<Record<string, unknown>>): boolean {
  return status === undefined || recordOf(status)["value"] === "loaded";
}

function said(choice: unknown): Piece {
  const { delta, finish_reason: finish } = recordOf(choice);
  const { content } = recordOf(delta);
  return {
    ...(typeof content === "string" && { text: content }),
    ...(typeof finish === "string" && finish !== "" && { finish }),
  };
}

function counted(usage: unknown): Piece {
  const { prompt_tokens: prompt, completion_tokens: completion } = recordOf(usage);
  return isCount(completion) ? { usage: { prompt: isCount(prompt) ? prompt : 0, completion } } : {};
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
