import { z } from "zod";
import { networkCapability } from "./capability.ts";
import { loadingAnd } from "./deadlines.ts";
import { modelId } from "./fields.ts";
import { secondsPerUnit } from "./latency.ts";
import { MAX_JSON_TEXT_LENGTH, MIN_AUDIO_SECONDS } from "./limits.ts";
import type { AudioProbe } from "./media.ts";
import { definePipeline } from "./pipeline.ts";
import { refusedFile } from "./refused-file.ts";

const TIMESTAMPS: readonly string[] = ["true", "1", "sentence", "false", "0", "word"];

const textChunk = z
  .object({
    timestamp: z
      .tuple([z.number(), z.number().nullable()])
      .describe("Begin and end in seconds; no end when the audio stops before the words do."),
    text: z.string(),
  })
  .meta({ id: "chunk", description: "A piece of the transcript." });

export const audioToText = definePipeline({
  name: "audio-to-text",
  kind: "batch",
  capability: networkCapability(31),
  operationId: "genAudioToText",
  summary: "Write down what is said.",
  defaultModel: "openai/whisper-large-v3",
  modelField: "model_id",
  media: { audio: "audio" },
  request: z.object({
    model_id: modelId,
    return_timestamps: z
      .string()
      .refine((text) => TIMESTAMPS.includes(text.toLowerCase()), `must be one of ${TIMESTAMPS.join(", ")}`)
      .default("true")
      .describe("true or sentence: times of segments. word: times of words. false: none."),
    metadata: z
      .string()
      .max(MAX_JSON_TEXT_LENGTH)
      .default("{}")
      .describe("A JSON object as text. Its duration, in seconds, is filled in by the gateway."),
  }),
  response: z
    .object({ text: z.string().describe("The whole transcript."), chunks: z.array(textChunk) })
    .meta({ id: "TextResponse", description: "What was said." }),
  unit: "audio-ms",
  meter: (_request, { audio }) => BigInt(wholeSeconds(audio)) * 1000n,
  drawn: [],
  derived: (_request, { audio }) => ({ metadata: JSON.stringify({ duration: String(wholeSeconds(audio)) }) }),
  latencyScore: (_request, work, took) => secondsPerUnit(took, work) * 1000,
  deadline: (_request, { audio }) => loadingAnd(60 + audio.durationSeconds),
  files: () => [],
  expect: () => ({ files: 0 }),
  example: { return_timestamps: "false" },
});

/** The billable length: whole seconds, rounded down. A clip without one is refused. Source: wire-protocol 4.5. */
function wholeSeconds(audio: AudioProbe): number {
  const seconds = Math.floor(audio.durationSeconds);
  if (seconds < MIN_AUDIO_SECONDS) throw refusedFile("audio", "must last at least one second");
  return seconds;
}
