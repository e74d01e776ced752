import { encodePng, encodeWav, probeFiles } from "@rivulet/media";
import type { AdmittedJob, JobResult, JobStream } from "@rivulet/orchestrator";
import { fieldsOf, type Pipeline } from "@rivulet/pipelines";
import { encodeFormData } from "@rivulet/wire";
import { MODEL } from "./paid-network.ts";

/** The tokens that every answer of the language model has. */
export const WRITTEN = 3n;

const SAMPLE_RATE = 8000;

/** Silence. */
const wav = (seconds: number) => Buffer.from(encodeWav(new Float32Array(seconds * SAMPLE_RATE), SAMPLE_RATE));

const picture = (width: number, height: number) =>
  encodePng({ width, height, data: new Uint8Array(width * height * 3) });

const inputs = {
  image: { bytes: await picture(64, 48), filename: "a.png" },
  audio: { bytes: wav(2), filename: "a.wav" },
};

/** What an application sends for the pipeline's example. */
export function exampleRequest(pipeline: Pipeline, fields: object = {}): RequestInit {
  const request = pipeline.request.parse({ ...pipeline.example, ...fields, [pipeline.modelField]: MODEL });
  const media = Object.entries(pipeline.media);
  if (media.length === 0)
    return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(request) };
  const files = media.map(([field, kind]) => [field, inputs[kind]] as const);
  const { contentType, body } = encodeFormData(files, fieldsOf(pipeline, request));
  return { method: "POST", headers: { "content-type": contentType }, body: Buffer.from(body) };
}

/** Answers any job at once: files of the asked type, number and size, and short texts. */
export async function work({ pipeline, request, media }: AdmittedJob): Promise<JobResult | JobStream> {
  if (pipeline.streams?.(request) === true) return { kind: "stream", events: events(), timings: {} };
  const { files: count, size, seeds } = pipeline.expect(request, probeFiles(pipeline.media, media));
  const { width, height } = size ?? { width: 8, height: 8 };
  const png = { contentType: "image/png", bytes: await picture(width, height) };
  const mp4 = { contentType: "video/mp4", bytes: Buffer.from("\0\0\0\x10ftypisom\0\0\0\0", "latin1") };
  const file = pipeline.name === "image-to-video" ? mp4 : png;
  const images = Array.from({ length: count }, (_, index) => ({ url: "file", seed: seeds?.[index] ?? 0, nsfw: false }));
  const spoken = { contentType: "audio/wav", bytes: wav(1) };
  const response = answers[pipeline.name] ?? { images };
  return {
    kind: "response",
    response: structuredClone(response),
    files: new Map([
      ["file", file],
      ["spoken", spoken],
    ]),
    timings: {},
  };
}

async function* events(): AsyncGenerator<string> {
  for (const content of ["one ", "two "]) yield JSON.stringify(chunk({ delta: { role: "assistant", content } }, ""));
  yield JSON.stringify(chunk({ delta: { role: "assistant", content: "three" } }, "stop"));
}

function chunk(said: object, reason: string) {
  const usage = { prompt_tokens: 5, completion_tokens: Number(WRITTEN), total_tokens: 5 + Number(WRITTEN) };
  return { id: "answer", model: MODEL, created: 1, usage, choices: [{ index: 0, finish_reason: reason, ...said }] };
}

/** Of pipelines whose answers are not pictures. */
const answers: Readonly<Record<string, Record<string, unknown>>> = {
  "audio-to-text": { text: "hello", chunks: [{ timestamp: [0, 1], text: "hello" }] },
  "segment-anything-2": { masks: "[[[0]]]", scores: "[1]", logits: "[[[0]]]" },
  llm: chunk({ message: { role: "assistant", content: "one two three" } }, "stop"),
  "image-to-text": { text: "a picture" },
  "text-to-speech": { audio: { url: "spoken" } },
};
