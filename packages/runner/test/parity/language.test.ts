import { llm as pipeline } from "@rivulet/pipelines";
import { silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import { LanguageModel } from "../../src/language/language-model.ts";
import { llm } from "../../src/pipelines/llm.ts";
import { loadChatTokenizer } from "../../src/tokenizers/chat-tokenizer.ts";
import { keepingBackend } from "../recording-backend.ts";
import { distance } from "../vectors.ts";
import { TOLERANCE } from "./comparison.ts";
import { type LanguageReferences, referenceFile, references } from "./references.ts";

const backend = keepingBackend();

describe.each(["llama", "qwen", "mistral"])("%s", (family) => {
  const { source, answers } = references<LanguageReferences>(family, "answers.json");
  const directory = referenceFile(family, "model");

  test(`writes conversations as ${source}`, async () => {
    const tokenizer = await loadChatTokenizer(directory);
    for (const { input, expected } of answers) expect(tokenizer.encode(input.messages)).toEqual(expected.ids);
  });

  test("finds tokens as likely, whether it reads them at once or one by one", async () => {
    const model = await LanguageModel.load(() => backend, {
      directory,
      model: family,
      threads: 1,
      log: silentLogger,
      onProgress: () => {},
    });
    const { signal } = new AbortController();
    for (const { expected } of answers) {
      const atOnce = await model.begin().read(expected.ids, { signal });
      expect(distance(atOnce.logits, expected.logits)).toBeLessThan(TOLERANCE.logits);
      const reading = model.begin();
      let last = atOnce;
      for (const id of expected.ids) last = await reading.read([id], { signal });
      expect(distance(last.logits, expected.logits)).toBeLessThan(TOLERANCE.logits);
      expect(reading.length).toBe(expected.ids.length);
    }
  });

  test("answers the same when it takes the likeliest", async () => {
    const model = await llm(() => backend).load({
      directory,
      model: family,
      threads: 1,
      log: silentLogger,
      onProgress: () => {},
    });
    for (const { input, expected } of answers) {
      const request = pipeline.request.parse({ ...input, temperature: 0, max_tokens: 32 });
      const { choices, usage } = await model.run(request, {
        media: {},
        signal: new AbortController().signal,
        randomness: seededRandomness(0),
        clock: new TestClock(),
        onProgress: () => {},
      });
      expect(choices[0]?.message?.content).toBe(expected.text);
      expect([usage.prompt_tokens, usage.completion_tokens]).toEqual([expected.ids.length, expected.tokens.length]);
    }
  });
});
