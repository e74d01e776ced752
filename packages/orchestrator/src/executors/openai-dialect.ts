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

  body: (model, { messages, max_tokens, temperature, top_p, top_k }) => ({
    model: nameOf(model),
    messages,
    max_tokens,
    temperature,
    top_p,
    // Not all know it, and what means "all" differs.
    ...(top_k > 0 && { top_k }),
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
    const entries = Array.isArray(data) ? data.map(recordOf) : [];
    // llama.cpp has one model and takes any name for it. Who lists nothing has to be believed.
    const isAnyName = !Array.isArray(data) || entries.some(({ owned_by: by }) => by === "llamacpp");
    const names = new Set(entries.map(({ id }) => id));
    return models.filter((model) => isAnyName || names.has(nameOf(model))).map((model) => ({ ...model, isWarm: true }));
  },
};

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
