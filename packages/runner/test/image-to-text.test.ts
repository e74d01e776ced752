import { cp, mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { imageToText as pipeline } from "@rivulet/pipelines";
import { isError, RivuletError, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Backend } from "../src/backend.ts";
import type { RunContext } from "../src/implementation.ts";
import { imageToText } from "../src/pipelines/image-to-text.ts";
import { referenceFile } from "./parity/references.ts";
import { file, odd, pictureFile, unreadable } from "./pictures.ts";
import { keepingBackend, type Run, recordingBackend } from "./recording-backend.ts";

const backend = keepingBackend();

async function load(family = "blip", wrapped: Backend = backend) {
  const runs: Run[] = [];
  const counts = { open: 0 };
  const model = await imageToText(() => recordingBackend(runs, counts, wrapped)).load({
    directory: referenceFile(family, "model"),
    model: `tiny/${family}`,
    threads: 1,
    log: silentLogger,
    onProgress: () => {},
  });
  const read = () =>
    runs.flatMap(({ feeds }) => (feeds["input_ids"] ? [[...feeds["input_ids"].data].map(Number)] : []));
  return { model, counts, read };
}

async function context(overrides: Partial<RunContext> = {}): Promise<RunContext> {
  return {
    media: { image: await pictureFile(40, 24) },
    signal: new AbortController().signal,
    randomness: seededRandomness(1),
    clock: new TestClock(),
    onProgress: () => {},
    ...overrides,
  };
}

const request = (prompt = "") => pipeline.request.parse({ prompt });
const code = (wanted: string) => expect.toSatisfy((error) => isError(error) && error.code === wanted);

describe("a caption", () => {
  test("begins with the prompt, in the model's own spelling", async () => {
    const { model } = await load();
    const { text } = await model.run(request("  A Picture\tof "), await context());
    expect(text).toMatch(/^a picture of/);
  });

  test("is the same each time", async () => {
    const { model } = await load();
    const [one, other] = await Promise.all([1, 2].map(async () => model.run(request(), await context())));
    expect(other).toEqual(one);
  });

  test("is read a token at a time, each once", async () => {
    const { model, read } = await load();
    await model.run(request("a picture"), await context());
    const [first, ...others] = read();
    expect(first).toHaveLength(3);
    expect(others.map(({ length }) => length)).toEqual(others.map(() => 1));
    expect(read().length).toBeLessThanOrEqual(17);
  });

  test.each([
    ["of control characters", "\u0000\u001f\u200b\uFFFD"],
    ["in other scripts", "日本語 русский עברית 🙂"],
  ])("takes a prompt %s", async (_name, prompt) => {
    const { model } = await load();
    expect((await model.run(request(prompt), await context())).text).toEqual(expect.any(String));
  });

  test("is not made of numbers that are none", async () => {
    const broken = changing(backend, "logits", Number.NaN);
    const { model } = await load(undefined, broken);
    await expect(model.run(request(), await context())).rejects.toEqual(code("runner.failed"));
  });
});

describe.each(["blip", "vit-gpt2", "florence2"])("a caption by %s", (family) => {
  test.each([40, 77, 78, 4_000])("is not begun with a prompt of %i tokens", async (count) => {
    const { model } = await load(family);
    const running = model.run(request("a ".repeat(count)), await context());
    await expect(running).rejects.toSatisfy(
      (error) => isError(error, "request.rejected-by-model") && error.facts.field === "prompt",
    );
  });

  test("ends within a token when it is called off", async () => {
    const { model } = await load(family);
    const controller = new AbortController();
    let steps = 0;
    const onProgress = () => {
      steps++;
      controller.abort(new RivuletError("request.cancelled", {}));
    };
    const running = model.run(request("a photo of"), await context({ signal: controller.signal, onProgress }));
    await expect(running).rejects.toEqual(code("request.cancelled"));
    expect(steps).toBe(1);
  });

  test("does not depend on who else asks", async () => {
    const { model } = await load(family);
    const ask = async (prompt: string) => model.run(request(prompt), await context());
    const alone = [await ask("a"), await ask("two")];
    expect(await Promise.all([ask("a"), ask("two")])).toEqual(alone);
  });
});

describe.each(["blip", "vit-gpt2", "florence2"])("a picture before %s", (family) => {
  test.each(Object.entries(odd))("of %s is described", async (_name, make) => {
    const { model } = await load(family);
    const { text } = await model.run(request("a"), await context({ media: { image: await make() } }));
    expect(text).not.toBe("");
  });

  test.each(Object.entries(unreadable))("that is %s is refused, naming the field", async (_name, { bytes, code }) => {
    const { model } = await load(family);
    await expect(model.run(request(), await context({ media: { image: file(bytes) } }))).rejects.toMatchObject({
      code,
      facts: { field: "image" },
    });
  });
});

test("a task that the model does not know is refused, with those that it knows", async () => {
  const { model } = await load("florence2");
  await expect(model.run(request("<DANCE>"), await context())).rejects.toMatchObject({
    code: "request.rejected-by-model",
    facts: { reason: expect.stringContaining("<MORE_DETAILED_CAPTION>") },
  });
});

describe("a model", () => {
  test.each([
    ["blip", "onnx/vision_model.onnx"],
    ["blip", "onnx/text_decoder.onnx"],
    ["blip", "tokenizer.json"],
    ["vit-gpt2", "onnx/encoder_model.onnx"],
    ["vit-gpt2", "onnx/decoder_model_merged.onnx"],
    ["vit-gpt2", "tokenizer.json"],
    ["florence2", "onnx/embed_tokens.onnx"],
    ["florence2", "onnx/vision_encoder.onnx"],
    ["florence2", "onnx/encoder_model.onnx"],
    ["florence2", "onnx/decoder_model_merged.onnx"],
  ])("like %s is not loaded without its %s, which is named, and nothing stays open", async (family, name) => {
    for (const damage of [rm, (path: string) => truncate(path, 100)]) {
      const directory = await copied(family);
      await damage(join(directory, name));
      const counts = { open: 0 };
      const loading = imageToText(() => recordingBackend([], counts)).load({
        directory,
        model: "tiny/damaged",
        threads: 1,
        log: silentLogger,
        onProgress: () => {},
      });
      await expect(loading).rejects.toThrow(name);
      expect(counts.open).toBe(0);
    }
  });

  test("gives its memory back", async () => {
    const { model, counts } = await load();
    expect(counts.open).toBe(2);
    await model.dispose();
    expect(counts.open).toBe(0);
  });
});

async function copied(family: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "rivulet-captions-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  await cp(referenceFile(family, "model"), directory, { recursive: true });
  return directory;
}

/** A backend whose models give one number for all of an output. */
function changing(inner: Backend, output: string, value: number): Backend {
  return {
    async open(path, options) {
      const graph = await inner.open(path, options);
      return {
        file: graph.file,
        inputs: graph.inputs,
        outputs: graph.outputs,
        close: () => graph.close(),
        async run(feeds, outputs) {
          const results = await graph.run(feeds, outputs);
          const changed = results[output];
          if (changed?.type !== "float32") return results;
          return { ...results, [output]: { ...changed, data: changed.data.map(() => value) } };
        },
      };
    },
  };
}
