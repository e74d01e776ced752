import { join } from "node:path";
import { encodePng, encodeWav } from "@rivulet/media";
import type { NodeProcess } from "@rivulet/node";
import { batchPipelines, type MediaKind, type Pipeline } from "@rivulet/pipelines";
import { blamedField } from "@rivulet/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, ask } from "./harness/ask.ts";
import { offers, suspensions } from "./harness/network.ts";
import { ROOT, Stage } from "./harness/stage.ts";

/** A tiny model of random numbers for each pipeline, in the layout of a real family. */
const FAMILIES: Readonly<Record<string, string>> = {
  "text-to-image": "turbo",
  "image-to-image": "sd1",
  "image-to-video": "svd",
  upscale: "swin2sr",
  "image-to-text": "blip",
  "segment-anything-2": "sam2",
  "audio-to-text": "whisper",
  "text-to-speech": "vits",
  llm: "llama",
};

const modelOf = ({ name }: Pipeline) => `tiny/${FAMILIES[name]}`;

let stage: Stage;
let gateway: NodeProcess;
beforeAll(async () => {
  stage = new Stage();
  const models = batchPipelines.map((pipeline) => ({
    pipeline: pipeline.name,
    model_id: modelOf(pipeline),
    repo: join(ROOT, "models/references", FAMILIES[pipeline.name] ?? "", "model"),
  }));
  const orchestrator = await stage.orchestrator(["-aiWorker", `-aiModels=${JSON.stringify(models)}`]);
  gateway = await stage.gateway([orchestrator]);
  await offers(gateway, models.length);
});
afterAll(async () => {
  // None of it was the orchestrator's fault.
  const blamed = await suspensions(gateway);
  await stage[Symbol.asyncDispose]();
  expect(blamed).toEqual([]);
});

const SIDE = 64;
const noise = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7919) % 251);
const plain: { readonly [K in MediaKind]: () => Uint8Array | Promise<Uint8Array> } = {
  image: () => encodePng({ width: SIDE, height: SIDE, data: noise(SIDE * SIDE * 3) }),
  audio: () => encodeWav(new Float32Array(16_000), 16_000),
};

const CHEAP = { width: SIDE, height: SIDE, num_inference_steps: 2, max_tokens: 4 };

async function asked(
  pipeline: Pipeline,
  fields: Readonly<Record<string, unknown>> = {},
  media: Readonly<Record<string, Uint8Array>> = {},
  signal?: AbortSignal,
): Promise<Answer> {
  const all = { [pipeline.modelField]: modelOf(pipeline), ...pipeline.example, ...CHEAP, ...fields };
  const own = Object.entries(all).filter(([name]) => name in pipeline.request.shape);
  const options = signal === undefined ? {} : { signal };
  const path = `/${pipeline.name}`;
  if (Object.keys(pipeline.media).length === 0) return ask(gateway, path, Object.fromEntries(own), options);
  const form = new FormData();
  for (const [field, kind] of Object.entries(pipeline.media))
    form.append(field, new Blob([Uint8Array.from(media[field] ?? (await plain[kind]()))]), "../../a.bin");
  for (const [name, value] of own) form.append(name, typeof value === "string" ? value : JSON.stringify(value));
  return ask(gateway, path, form, options);
}

/** Refused as the caller's fault, by exactly that field; what nobody but the caller can do something about. */
function expectRefused({ status, body }: Answer, field: string): void {
  const told = JSON.stringify(body);
  expect([status, blamedField(told)], told).toEqual([expect.toSatisfy(isRefusal), field]);
}

const isRefusal = (status: number) => status >= 400 && status < 500;

const withMedia = batchPipelines.filter(({ media }) => Object.keys(media).length > 0);
test.each(withMedia.map((pipeline) => [pipeline.name, pipeline] as const))(
  "%s refuses files that are none, by the field's name",
  async (_name, pipeline) => {
    for (const field of Object.keys(pipeline.media)) {
      const whole = await plain[pipeline.media[field] ?? "image"]();
      for (const bytes of [new Uint8Array(), noise(5000), whole.subarray(0, 20)])
        expectRefused(await asked(pipeline, {}, { [field]: bytes }), field);
    }
  },
);

describe.each(batchPipelines.map((pipeline) => [pipeline.name, pipeline] as const))("%s", (_name, pipeline) => {
  test("does its example", async () => {
    expect((await asked(pipeline)).status).toBe(200);
  });

  test("refuses numbers that are none or too large, by the field's name", async () => {
    const numbers = Object.keys(pipeline.request.shape).filter((name) => /seed|num_|scale|max_tokens|fps/.test(name));
    for (const name of numbers)
      for (const value of [1e300, "NaN", "-"]) expectRefused(await asked(pipeline, { [name]: value }), name);
  });

  test("does texts of any script and length, or refuses them by the field's name", async () => {
    const written = [
      "日本語 🧑🏽‍🚀 \u202e\u0000\ud800",
      "a ".repeat(100_000),
      "<|endoftext|>{{ 7*7 }}",
      "a ".repeat(78),
    ];
    const texts = ["prompt", "text"].filter((name) => name in pipeline.request.shape);
    const messages = "messages" in pipeline.request.shape ? ["messages"] : [];
    for (const text of written) {
      for (const name of texts) {
        const answer = await asked(pipeline, { [name]: text });
        if (answer.status !== 200) expectRefused(answer, name);
      }
      for (const name of messages) {
        const answer = await asked(pipeline, { [name]: [{ role: "user", content: text }] });
        if (answer.status !== 200) expectRefused(answer, name);
      }
    }
  });

  test("is not looked for by a path", async () => {
    for (const model of ["../../../etc/passwd", "tiny/../tiny", "__proto__"]) {
      const answer = await asked(pipeline, { [pipeline.modelField]: model });
      expect([model, answer.status]).toEqual([model, expect.toSatisfy(isRefusal)]);
    }
  });

  test("works on when a caller hangs up", async () => {
    await asked(pipeline, {}, {}, AbortSignal.timeout(5)).catch(() => {});
    expect((await asked(pipeline)).status).toBe(200);
  });
});

test("adapters, which nobody has, are refused by the field's name, whatever they are called", async () => {
  for (const pipeline of batchPipelines.filter(({ request }) => "loras" in request.shape))
    for (const name of ["owner/name", "../../etc/passwd", "__proto__"])
      expectRefused(await asked(pipeline, { loras: JSON.stringify({ [name]: 0.8 }) }), "loras");
});
