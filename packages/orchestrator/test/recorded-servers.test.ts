import { readFileSync } from "node:fs";
import { llm, parseRequest } from "@rivulet/pipelines";
import { modelId, silentLogger } from "@rivulet/primitives";
import { FakeLanguageServer, type LanguageRefusal, type LanguageServerKind, TestClock } from "@rivulet/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { RunnerHttp } from "../src/executors/runner-http.ts";

/** What a real server said, word for word: of itself by path, and in conversations by what they were to show. */
interface Recording {
  readonly about: Readonly<Record<string, LanguageRefusal>>;
  readonly conversations: Readonly<Record<string, LanguageRefusal>>;
}

const MODEL = modelId("HuggingFaceTB/SmolLM2-135M-Instruct");

const opened: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.stop();
});

function read(name: string): Readonly<Record<string, Recording>> {
  return JSON.parse(readFileSync(new URL(`recordings/${name}.json`, import.meta.url), "utf8"));
}

/** The recorded server, of which a model is offered that it calls `upstream`. */
async function open(kind: LanguageServerKind, recording: Recording | undefined, upstream: string) {
  const server = new FakeLanguageServer({ kind, models: [upstream] });
  for (const [path, said] of Object.entries(recording?.about ?? {})) server.recorded.set(path, said);
  await server.start();
  opened.push(server);
  const models = [{ pipeline: llm, model: MODEL, isWarm: false, slots: 1, upstream }];
  const speaks = kind === "ollama" ? "ollama" : "openai";
  const executor = new RunnerHttp({ url: server.url, speaks, models }, { clock: new TestClock(), log: silentLogger });
  await executor.start();
  opened.push(executor);
  const converse = async (conversation: string, stream: boolean) => {
    const said = recording?.conversations[conversation];
    if (said === undefined) throw new Error(`not recorded: ${conversation}`);
    server.behave(() => said);
    using slot = executor.tryReserve(llm, MODEL);
    if (slot === undefined) throw new Error("not offered");
    const request = parseRequest(llm, { messages: [{ role: "user", content: "Hi" }], model: MODEL, stream });
    return await slot.run(
      { requestId: "r", pipeline: llm, model: MODEL, request, media: {} },
      { signal: new AbortController().signal },
    );
  };
  return {
    executor,
    async whole(conversation: string) {
      const outcome = await converse(conversation, false);
      if (outcome.kind !== "response") throw new Error("a stream");
      const { choices, usage } = llm.response.parse(outcome.response);
      return { text: choices[0]?.message?.content, finish: choices[0]?.finish_reason, usage };
    },
    async streamed(conversation: string) {
      const outcome = await converse(conversation, true);
      if (outcome.kind !== "stream") throw new Error("no stream");
      const events = [];
      for await (const event of outcome.events) events.push(llm.response.parse(JSON.parse(event)));
      const last = events.at(-1);
      const text = events.map(({ choices }) => choices[0]?.delta?.content).join("");
      return { text, finish: last?.choices[0]?.finish_reason, usage: last?.usage };
    },
  };
}

const PARIS = "The capital of France is Paris.";

describe("llama.cpp 0.7.0", () => {
  const { one, many } = read("llama-cpp");

  test.each([
    ["stop", PARIS, "stop", [37, 8, 45]],
    ["length", "The capital of", "length", [37, 3, 40]],
    ["emoji", "Repeat exactly: 😉👍🏽\n\n👍🏽\n\n👍", "length", [44, 24, 68]],
  ])("answers, whole and piece by piece: %s", async (conversation, text, finish, tokens) => {
    const { whole, streamed } = await open("llama.cpp", one, "SmolLM2-135M-Instruct");
    const [prompt_tokens, completion_tokens, total_tokens] = tokens;
    const expected = { text, finish, usage: { prompt_tokens, completion_tokens, total_tokens } };
    expect(await whole(conversation)).toEqual(expected);
    expect(await streamed(conversation)).toEqual(expected);
  });

  test("a conversation that is too long is the request's fault, in its words", async () => {
    const { whole } = await open("llama.cpp", one, "SmolLM2-135M-Instruct");
    await expect(whole("overflow")).rejects.toMatchObject({
      code: "request.rejected-by-model",
      facts: { reason: expect.stringContaining("exceeds the available context size (2048 tokens)") },
    });
  });

  test("with one model answers to every name", async () => {
    const { executor } = await open("llama.cpp", one, "any-name");
    expect(executor.offers()).toMatchObject([{ isWarm: true }]);
  });

  test("with a folder of models has only those, as warm as they are", async () => {
    for (const [upstream, offers] of [
      ["SmolLM2-135M-Instruct-F16", [{ isWarm: true }]],
      ["SmolLM2-Q4_1", [{ isWarm: false }]],
      ["another", []],
    ] as const)
      expect((await open("llama.cpp", many, upstream)).executor.offers()).toMatchObject(offers);
    expect((await (await open("llama.cpp", many, "SmolLM2-135M-Instruct-F16")).whole("stop")).text).toBe(PARIS);
  });
});

describe("Ollama 0.17.4", () => {
  const { one } = read("ollama");

  test.each([
    ["stop", PARIS, "stop", [16, 8, 24]],
    ["length", "The capital of", "length", [16, 3, 19]],
  ])("answers, whole and piece by piece: %s", async (conversation, text, finish, tokens) => {
    const { whole, streamed } = await open("ollama", one, "smollm2");
    const [prompt_tokens, completion_tokens, total_tokens] = tokens;
    const expected = { text, finish, usage: { prompt_tokens, completion_tokens, total_tokens } };
    expect(await whole(conversation)).toEqual(expected);
    expect(await streamed(conversation)).toEqual(expected);
  });

  test.each([
    ["overflow", "request.rejected-by-model", "the input length exceeds the context length"],
    ["unknown", "model.load-failed", "model 'other:1b' not found"],
    ["died", "runner.failed", "an error was encountered while running the model: unexpected EOF"],
  ])("that cannot go on says so in its words: %s", async (conversation, code, reason) => {
    const { whole } = await open("ollama", one, "smollm2");
    await expect(whole(conversation)).rejects.toMatchObject({ code, facts: { reason } });
  });

  test("has the model it was given, in memory until it forgets it", async () => {
    expect((await open("ollama", one, "smollm2")).executor.offers()).toMatchObject([{ isWarm: true }]);
    expect((await open("ollama", one, "smollm2:360m")).executor.offers()).toEqual([]);
  });
});
