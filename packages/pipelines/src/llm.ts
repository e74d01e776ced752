import { z } from "zod";
import { networkCapability } from "./capability.ts";
import { loadingAnd } from "./deadlines.ts";
import { modelId, seed } from "./fields.ts";
import { secondsPerUnit } from "./latency.ts";
import { MAX_MESSAGE_LENGTH, MAX_MESSAGES, MAX_STOP_LENGTH, MAX_STOPS, MAX_TOKENS, MAX_TOP_K } from "./limits.ts";
import { definePipeline } from "./pipeline.ts";

/** The slowest pace worth waiting for. */
const TOKENS_PER_SECOND = 4;

const message = z
  .object({ role: z.enum(["system", "user", "assistant"]), content: z.string().max(MAX_MESSAGE_LENGTH) })
  .meta({ id: "LLMMessage", description: "One turn of the conversation." });

/** In answers the role is whatever the model says. */
const answered = z.object({ role: z.string(), content: z.string() });

/** Runners write what is not there as null; published clients want it left out. */
const absent = <T>(value: T): T | undefined => value ?? undefined;

const stop = z.string().min(1).max(MAX_STOP_LENGTH);

const choice = z
  .object({
    index: z.int(),
    finish_reason: z
      .string()
      .nullish()
      .overwrite(absent)
      .describe("Empty while the answer goes on; then why it ended."),
    delta: answered.nullish().overwrite(absent).describe("What is new, in a stream."),
    message: answered.nullish().overwrite(absent).describe("The whole answer, outside a stream."),
  })
  .meta({ id: "LLMChoice", description: "One answer, or the next piece of it." });

const usage = z
  .object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() })
  .meta({ id: "LLMTokenUsage", description: "Tokens read and written." });

const answer = z
  .object({
    id: z.string(),
    model: z.string(),
    created: z.int().describe("Seconds since 1970."),
    usage,
    choices: z.array(choice).min(1),
  })
  .meta({ id: "LLMResponse", description: "The answer, or one event of a stream." });

export const llm = definePipeline({
  name: "llm",
  kind: "batch",
  capability: networkCapability(33),
  operationId: "genLLM",
  summary: "Continue a conversation.",
  defaultModel: "meta-llama/llama-3.1-8B-Instruct",
  modelField: "model",
  media: {},
  request: z
    .object({
      messages: z.array(message).min(1).max(MAX_MESSAGES).describe("The conversation so far."),
      model: modelId,
      max_tokens: z.int().min(1).max(MAX_TOKENS).default(256).describe("The most tokens to write; this is billed."),
      stream: z.boolean().default(false).describe("Answer piece by piece, as an event stream."),
      temperature: z.number().min(0).max(2).default(0.7).describe("How freely to choose; 0 takes the likeliest."),
      top_p: z.number().min(0).max(1).default(1).describe("Choose among the likeliest tokens that make up this share."),
      top_k: z.int().min(-1).max(MAX_TOP_K).default(-1).describe("Choose among this many tokens; -1 is all."),
      seed,
      stop: z
        .union([stop, z.array(stop).max(MAX_STOPS)])
        .optional()
        .describe(`Texts, up to ${MAX_STOPS}, before which the answer ends.`),
    })
    .meta({ id: "LLMRequest" }),
  response: answer,
  unit: "token",
  meter: ({ max_tokens }) => BigInt(max_tokens),
  spent: ({ usage }) => BigInt(Math.max(0, usage.completion_tokens)),
  drawn: [],
  latencyScore: (_request, work, took, response) =>
    response === undefined
      ? secondsPerUnit(took, work)
      : secondsPerUnit(took, { unit: "token", amount: BigInt(response.usage.total_tokens) }),
  deadline: ({ max_tokens }) => loadingAnd(30 + max_tokens / TOKENS_PER_SECOND),
  streams: ({ stream }) => stream,
  brokenOff: (previous) => {
    const { data } = answer.safeParse(previous);
    const delta = { role: "assistant", content: "" };
    return data && { ...data, choices: [{ index: 0, finish_reason: "error", delta, message: null }] };
  },
  files: () => [],
  expect: () => ({ files: 0 }),
  example: { messages: [{ role: "user", content: "Say hello." }], max_tokens: 8 },
});
