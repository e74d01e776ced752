import { batchPipelines } from "@rivulet/pipelines";
import { blamedField, cheapFiles, fileOf } from "@rivulet/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Answer } from "./harness/ask.ts";
import { suspensions } from "./harness/network.ts";
import { TinyNetwork } from "./harness/tiny-network.ts";

let network: TinyNetwork;
beforeAll(async () => {
  network = await TinyNetwork.start("own runner");
});
afterAll(async () => {
  // None of it was the orchestrator's fault.
  const blamed = await suspensions(network.gateway);
  await network[Symbol.asyncDispose]();
  expect(blamed).toEqual([]);
});

const noise = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7919) % 251);

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
      const { bytes: whole } = await cheapFiles[pipeline.media[field] ?? "image"]();
      for (const bytes of [new Uint8Array(), noise(5000), whole.subarray(0, 20)])
        expectRefused(await network.ask(pipeline, { media: { [field]: fileOf(bytes) } }), field);
    }
  },
);

describe.each(batchPipelines.map((pipeline) => [pipeline.name, pipeline] as const))("%s", (_name, pipeline) => {
  test("does its example", async () => {
    expect((await network.ask(pipeline)).status).toBe(200);
  });

  test("refuses numbers that are none or too large, by the field's name", async () => {
    const numbers = Object.keys(pipeline.request.shape).filter((name) => /seed|num_|scale|max_tokens|fps/.test(name));
    for (const name of numbers)
      for (const value of [1e300, "NaN", "-"])
        expectRefused(await network.ask(pipeline, { fields: { [name]: value } }), name);
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
        const answer = await network.ask(pipeline, { fields: { [name]: text } });
        if (answer.status !== 200) expectRefused(answer, name);
      }
      for (const name of messages) {
        const answer = await network.ask(pipeline, { fields: { [name]: [{ role: "user", content: text }] } });
        if (answer.status !== 200) expectRefused(answer, name);
      }
    }
  });

  test("is not looked for by a path", async () => {
    for (const model of ["../../../etc/passwd", "tiny/../tiny", "__proto__"]) {
      const answer = await network.ask(pipeline, { fields: { [pipeline.modelField]: model } });
      expect([model, answer.status]).toEqual([model, expect.toSatisfy(isRefusal)]);
    }
  });
});

test("adapters, which nobody has, are refused by the field's name, whatever they are called", async () => {
  for (const pipeline of batchPipelines.filter(({ request }) => "loras" in request.shape))
    for (const name of ["owner/name", "../../etc/passwd", "__proto__"])
      expectRefused(await network.ask(pipeline, { fields: { loras: JSON.stringify({ [name]: 0.8 }) } }), "loras");
});
