import { llm, parseRequest } from "@rivulet/pipelines";
import { codeOf, minutes, modelId, ms, RivuletError, seconds, silentLogger } from "@rivulet/primitives";
import {
  FakeLanguageServer,
  type LanguageAnswer,
  type LanguageBehaviour,
  type LanguageServerKind,
  TestClock,
  turn,
} from "@rivulet/testkit";
import { afterEach, describe, expect, test } from "vitest";
import type { JobStream } from "../executor.ts";
import { LanguageClient } from "./language-client.ts";
import { openAiDialect } from "./openai-dialect.ts";
import { RunnerHttp } from "./runner-http.ts";

const MODEL = modelId("meta-llama/Meta-Llama-3.1-8B-Instruct");
const TAG = "llama3.1:8b";
const NEVER = new AbortController().signal;
const kinds: readonly LanguageServerKind[] = ["vllm", "llama.cpp", "ollama"];

const opened: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.stop();
});

interface Opening {
  readonly has?: readonly string[];
  readonly token?: string;
  readonly given?: string;
  readonly upstream?: string;
  readonly isWarm?: boolean;
}

async function open(kind: LanguageServerKind, options: Opening = {}) {
  const { has = [kind === "ollama" ? TAG : MODEL], token, given = token, upstream, isWarm = false } = options;
  const server = new FakeLanguageServer({ kind, models: has, ...(token !== undefined && { token }) });
  await server.start();
  opened.push(server);
  const clock = new TestClock();
  const executor = new RunnerHttp(
    {
      url: server.url,
      ...(given !== undefined && { token: given }),
      speaks: kind === "ollama" ? "ollama" : "openai",
      models: [{ pipeline: llm, model: MODEL, isWarm, slots: 2, ...(upstream !== undefined && { upstream }) }],
    },
    { clock, log: silentLogger },
  );
  await executor.start();
  opened.push(executor);
  return { server, executor, clock };
}

async function ask(executor: RunnerHttp, fields: Readonly<Record<string, unknown>> = {}, signal: AbortSignal = NEVER) {
  using slot = executor.tryReserve(llm, MODEL);
  if (slot === undefined) throw new Error("no slot");
  const request = parseRequest(llm, { messages: [{ role: "user", content: "Hi" }], model: MODEL, ...fields });
  return await slot.run({ requestId: "secret", pipeline: llm, model: MODEL, request, media: {} }, { signal });
}

async function askWhole(executor: RunnerHttp, fields = {}) {
  const outcome = await ask(executor, fields);
  if (outcome.kind !== "response") throw new Error("a stream");
  return llm.response.parse(outcome.response);
}

async function askStream(executor: RunnerHttp, signal?: AbortSignal): Promise<JobStream> {
  const outcome = await ask(executor, { stream: true }, signal);
  if (outcome.kind !== "stream") throw new Error("not a stream");
  return outcome;
}

async function eventsOf(stream: JobStream) {
  const events = [];
  for await (const text of stream.events) events.push(llm.response.parse(JSON.parse(text)));
  return events;
}

const says =
  (answer: Partial<LanguageAnswer>): LanguageBehaviour =>
  () => ({ pieces: ["Hello"], ...answer });

describe.each(kinds)("%s", (kind) => {
  test("answers as a whole, with the tokens it counted", async () => {
    const { executor, server } = await open(kind);
    const { model, choices, usage, id } = await askWhole(executor);
    expect(model).toBe(MODEL);
    expect(choices).toEqual([
      { index: 0, finish_reason: "stop", message: { role: "assistant", content: "Hello there" } },
    ]);
    expect(usage).toEqual({ prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 });
    expect(id).not.toContain("secret");
    expect(server.questions).toHaveLength(1);
  });

  test("answers of more than any model writes are not kept", async () => {
    const { executor, server } = await open(kind);
    server.behave(says({ pieces: Array.from({ length: 1000 }, () => "word ".repeat(4000)) }));
    await expect(askWhole(executor)).rejects.toMatchObject({ code: "peer.protocol" });
  });

  test("streams each piece when it comes, and says at the end what was counted", async () => {
    const { executor, server } = await open(kind);
    const second = Promise.withResolvers<void>();
    async function* pieces() {
      yield "Hel";
      await second.promise;
      yield "lo";
    }
    server.behave(says({ pieces: pieces(), usage: { prompt: 3, completion: 7 } }));
    const { events } = await askStream(executor);
    const reader = events[Symbol.asyncIterator]();
    const contentOf = async () => {
      const { value } = await reader.next();
      const { choices, usage } = llm.response.parse(JSON.parse(String(value)));
      return [choices[0]?.delta?.content, choices[0]?.finish_reason, usage.completion_tokens];
    };
    expect(await contentOf()).toEqual(["Hel", "", 1]);
    second.resolve();
    expect(await contentOf()).toEqual(["lo", "", 2]);
    expect(await contentOf()).toEqual(["", "stop", 7]);
    expect((await reader.next()).done).toBe(true);
  });

  test("says when the answer was cut for its length", async () => {
    const { executor, server } = await open(kind);
    server.behave(says({ finish: "length" }));
    const events = await eventsOf(await askStream(executor));
    expect(events.map(({ choices }) => choices[0]?.finish_reason)).toEqual(["", "length"]);
  });

  test("that does not count is counted by its pieces", async () => {
    const { executor, server } = await open(kind);
    server.behave(says({ pieces: ["a", "b", "", "c"] }));
    expect((await askWhole(executor)).usage.completion_tokens).toBe(3);
  });

  test("with nothing to say says nothing", async () => {
    const { executor, server } = await open(kind);
    server.behave(says({ pieces: [], usage: { prompt: 1, completion: 1 } }));
    expect((await askWhole(executor)).choices[0]?.message?.content).toBe("");
  });

  test("that says much at once is told in events of a size that every peer reads", async () => {
    const { executor, server } = await open(kind);
    const text = "🙂".repeat(10_001);
    server.behave(says({ pieces: ["x", text] }));
    const events = await eventsOf(await askStream(executor));
    expect(events.map(({ choices }) => choices[0]?.delta?.content).join("")).toBe(`x${text}`);
    for (const event of events) expect(Buffer.byteLength(JSON.stringify(event))).toBeLessThan(64 * 1024);
  });

  test.each([
    ["cut", "runner.crashed"],
    ["unfinished", "runner.crashed"],
    ["error", "runner.failed"],
    ["rubbish", "runner.failed"],
  ] as const)("whose answer ends %s has failed", async (ending, code) => {
    const { executor, server } = await open(kind);
    server.behave(says({ ending }));
    await expect(askWhole(executor)).rejects.toSatisfy((error) => codeOf(error) === code);
    // Before the first event or after it, as the pieces come.
    const reading = askStream(executor).then(eventsOf);
    await expect(reading).rejects.toSatisfy((error) => codeOf(error) === code);
    expect(executor.offers()[0]?.free).toBe(2);
  });

  test.each([
    [400, "request.rejected-by-model"],
    [401, "runner.failed"],
    [404, "model.load-failed"],
    [422, "request.rejected-by-model"],
    [429, "capacity.exhausted"],
    [500, "runner.failed"],
    [502, "runner.failed"],
    [503, "runner.unavailable"],
    [301, "runner.failed"],
  ])("that answers %i is %s", async (status, code) => {
    const { executor, server } = await open(kind);
    server.behave(() => ({ status, body: '{"error":{"message":"as it is","type":"x"}}' }));
    const isSo = (error: unknown) => codeOf(error) === code;
    await expect(ask(executor)).rejects.toSatisfy(isSo);
    await expect(ask(executor, { stream: true })).rejects.toSatisfy(isSo);
  });

  test("tells the server's own words, in whichever form they are", async () => {
    const { executor, server } = await open(kind);
    for (const body of [
      '{"error":"too long"}',
      '{"error":{"message":"too long"}}',
      '{"message":"too long"}',
      "too long",
    ]) {
      server.behave(() => ({ status: 400, body }));
      await expect(ask(executor)).rejects.toMatchObject({ facts: { reason: "too long" } });
    }
  });

  test("that answers with a page is no language server", async () => {
    const { executor, server } = await open(kind);
    server.behave(() => ({ status: 200, type: "text/html", body: "<html>" }));
    await expect(ask(executor)).rejects.toSatisfy((error) => codeOf(error) === "runner.failed");
  });

  test("learns at once that nobody waits, before the first piece and after it", async () => {
    const { executor, server } = await open(kind);
    const reason = new RivuletError("request.cancelled", {});
    server.behave(() => "hang");
    const before = new AbortController();
    const asking = ask(executor, { stream: true }, before.signal);
    await server.arrived(1);
    before.abort(reason);
    await expect(asking).rejects.toBe(reason);

    async function* endless() {
      for (;;) {
        yield "on ";
        await turn();
      }
    }
    server.behave(says({ pieces: endless() }));
    const after = new AbortController();
    const reading = eventsOf(await askStream(executor, after.signal));
    after.abort(reason);
    await expect(reading).rejects.toBe(reason);
    for (const { left } of server.questions) await until(() => left.aborted);
  });

  test("is shown its token, and is of no use without", async () => {
    const { executor } = await open(kind, { token: "t0ken" });
    expect((await askWhole(executor)).choices).toHaveLength(1);
    const { executor: refused } = await open(kind, { token: "t0ken", given: "another" });
    expect(refused.offers()).toEqual([]);
  });

  test("is offered when it has become ready", async () => {
    const { executor, server } = await open(kind);
    server.status = 503;
    await executor.refresh();
    await executor.refresh();
    expect(executor.offers()).toEqual([]);
    server.status = 200;
    await executor.refresh();
    expect(executor.offers()).toMatchObject([{ model: MODEL, slots: 2, free: 2, runnerVersion: "0.14.1" }]);
  });

  test("is asked as many at once as it has slots", async () => {
    const { executor, server } = await open(kind);
    server.behave(() => "hang");
    const asking = new AbortController();
    const running = [ask(executor, {}, asking.signal), ask(executor, {}, asking.signal)];
    await server.arrived(2);
    expect(executor.tryReserve(llm, MODEL)).toBeUndefined();
    asking.abort();
    await Promise.allSettled(running);
    expect(executor.offers()[0]?.free).toBe(2);
  });
});

describe("a server with OpenAI's interface", () => {
  test("is asked in its words, by its own name for the model", async () => {
    const { executor, server } = await open("vllm", { has: ["llama"], upstream: "llama" });
    await ask(executor, { max_tokens: 9, temperature: 0, top_k: 5, seed: 3, stop: "\n" });
    expect(server.questions[0]?.body).toEqual({
      model: "llama",
      messages: [{ role: "user", content: "Hi" }],
      max_tokens: 9,
      temperature: 0,
      top_p: 1,
      top_k: 5,
      seed: 3,
      stop: "\n",
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  test("is not told of a choice among all tokens", async () => {
    const { executor, server } = await open("vllm");
    await ask(executor);
    expect(server.questions[0]?.body).not.toHaveProperty("top_k");
  });

  test("that lacks the model does not offer it, until it has it", async () => {
    const { executor, server } = await open("vllm", { has: ["another"] });
    expect(executor.offers()).toEqual([]);
    server.models.push(MODEL);
    await executor.refresh();
    expect(executor.offers()).toMatchObject([{ model: MODEL, isWarm: true }]);
  });

  test("with one model for every name takes any", async () => {
    const { executor } = await open("llama.cpp", { has: ["/models/some.gguf"] });
    expect((await askWhole(executor)).model).toBe(MODEL);
  });
});

describe("Ollama", () => {
  test("is asked in its words, by the tag that goes with the model", async () => {
    const { executor, server } = await open("ollama");
    await ask(executor, { max_tokens: 9, top_k: 5, seed: 3, stop: "\n" });
    expect(server.questions[0]?.body).toEqual({
      model: TAG,
      messages: [{ role: "user", content: "Hi" }],
      stream: true,
      truncate: false,
      shift: false,
      options: { num_predict: 9, temperature: 0.7, top_p: 1, top_k: 5, seed: 3, stop: ["\n"] },
    });
  });

  test("keeps a warm model in memory, and has it there before it is called warm", async () => {
    const { executor, server } = await open("ollama", { isWarm: true });
    expect(executor.offers()).toMatchObject([{ isWarm: false }]);
    await until(() => server.loaded.has(TAG));
    await executor.refresh();
    expect(executor.offers()).toMatchObject([{ isWarm: true }]);
    await ask(executor);
    expect(server.questions[0]?.body).toMatchObject({ keep_alive: -1 });
  });

  test("fetches a model it lacks, and offers it when it has come", async () => {
    const { executor, server } = await open("ollama", { has: [] });
    expect(executor.offers()).toEqual([]);
    await until(() => server.models.includes(TAG));
    await executor.refresh();
    expect(executor.offers()).toMatchObject([{ model: MODEL, isWarm: false }]);
    expect(server.chores).toEqual([{ path: "/api/pull", model: TAG }]);
  });

  test("is not asked again and again for a model that is not to be had", async () => {
    const server = new FakeLanguageServer({ kind: "ollama", models: [] });
    server.canFetch = false;
    await server.start();
    opened.push(server);
    const clock = new TestClock();
    const complaints: unknown[] = [];
    const log = {
      ...silentLogger,
      warn: (text: string, facts?: object) => void (text.includes("not to be had") && complaints.push(facts)),
    };
    const models = [{ pipeline: llm, model: MODEL, isWarm: true, slots: 1 }];
    const executor = new RunnerHttp({ url: server.url, speaks: "ollama", models }, { clock, log });
    await executor.start();
    opened.push(executor);
    await until(() => complaints.length === 1);
    expect(complaints).toEqual([{ tag: TAG, reason: expect.stringContaining("file does not exist") }]);
    await executor.refresh();
    await executor.refresh();
    expect(server.chores).toHaveLength(1);
    await clock.advance(minutes(10));
    await executor.refresh();
    await until(() => complaints.length === 2);
    expect(server.chores).toHaveLength(2);
  });

  test("calls the newest version by the bare name", async () => {
    const { executor } = await open("ollama", { has: ["phi4:latest"], upstream: "phi4" });
    expect(executor.offers()).toHaveLength(1);
  });

  test("that still knew the prompt counted nothing of it", async () => {
    const { executor, server } = await open("ollama");
    server.behave(says({ usage: { prompt: 0, completion: 4 } }));
    expect((await askWhole(executor)).usage).toEqual({ prompt_tokens: 0, completion_tokens: 4, total_tokens: 4 });
  });
});

test("a server that begins to answer and falls silent has failed", async () => {
  const server = new FakeLanguageServer({ kind: "vllm", models: [MODEL] });
  await server.start();
  opened.push(server);
  async function* pieces() {
    yield "Hel";
    await new Promise<never>(() => {});
  }
  server.behave(says({ pieces: pieces() }));
  const models = [{ pipeline: llm, model: MODEL, isWarm: true, slots: 1 }];
  const client = new LanguageClient({ url: server.url, models, silence: ms(100) }, openAiDialect, {
    clock: new TestClock(),
    log: silentLogger,
  });
  const request = parseRequest(llm, { messages: [{ role: "user", content: "Hi" }], model: MODEL });
  const running = client.run({ requestId: "r", pipeline: llm, model: MODEL, request, media: {} }, NEVER);
  await expect(running).rejects.toSatisfy((error) => codeOf(error) === "runner.failed");
  await client.close();
});

test("a server that is not there is asked again by itself", async () => {
  const { executor, server, clock } = await open("vllm", { has: [] });
  server.models.push(MODEL);
  const changed = new Promise<void>((resolve) => void executor.onOffersChanged(resolve));
  await clock.advance(seconds(5));
  await changed;
  expect(executor.offers()).toHaveLength(1);
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}
