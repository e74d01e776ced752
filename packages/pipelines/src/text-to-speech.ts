import { z } from "zod";
import { networkCapability } from "./capability.ts";
import { loadingAnd } from "./deadlines.ts";
import { modelId } from "./fields.ts";
import { secondsPerUnit } from "./latency.ts";
import { MAX_PROMPT_LENGTH, MAX_SPEECH_LENGTH } from "./limits.ts";
import { definePipeline } from "./pipeline.ts";

/** The slowest pace worth waiting for. */
const CHARACTERS_PER_SECOND = 5;

const audioUrl = z
  .object({ url: z.string().describe("Where the file is: a URL or a data URL.") })
  .meta({ id: "MediaURL" });

export const textToSpeech = definePipeline({
  name: "text-to-speech",
  kind: "batch",
  capability: networkCapability(36),
  operationId: "genTextToSpeech",
  summary: "Speak a text.",
  defaultModel: "parler-tts/parler-tts-large-v1",
  modelField: "model_id",
  media: {},
  request: z
    .object({
      model_id: modelId,
      text: z.string().min(1).max(MAX_SPEECH_LENGTH).describe("What to say."),
      description: z
        .string()
        .max(MAX_PROMPT_LENGTH)
        .default("A male speaker delivers a slightly expressive and animated speech with a moderate speed and pitch.")
        .describe("How to say it: speaker, style, speed, pitch."),
    })
    .meta({ id: "TextToSpeechParams" }),
  response: z.object({ audio: audioUrl }).meta({ id: "AudioResponse", description: "The speech." }),
  unit: "millicharacter",
  // Code points, not bytes: what orchestrators debit, though older gateways estimate bytes. Source: wire-protocol 4.5.
  meter: ({ text }) => BigInt(Array.from(text).length) * 1000n,
  isUndercounted: true,
  drawn: [],
  latencyScore: (_request, work, took) => secondsPerUnit(took, work),
  deadline: ({ text }) => loadingAnd(60 + text.length / CHARACTERS_PER_SECOND),
  files: ({ audio }) => [{ owner: audio, key: "url", contentType: "audio/wav" }],
  expect: () => ({ files: 1 }),
  example: { text: "Hello." },
});
