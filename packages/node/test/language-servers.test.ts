import { once } from "node:events";
import { request } from "node:http";
import { llm } from "@rivulet/pipelines";
import { Rational, seconds, silentLogger } from "@rivulet/primitives";
import { FakeLanguageServer, type LanguageAnswer, type LanguageServerKind, TestClock, turn } from "@rivulet/testkit";
import { chargeOf } from "@rivulet/wire";
import { afterEach, describe, expect, test } from "vitest";
import { parseAiModels } from "../src/config/ai-models.ts";
import { localExecutors } from "../src/roles/executors.ts";
import { exampleRequest } from "./example-work.ts";
import { MODEL, PaidNetwork } from "./paid-network.ts";

const UPSTREAM = "theirs:7b";
const TOKEN = "t0ken-of-the-server";
const PRICE = Rational.of(1_000_000_000_001n, 7n);
const kinds: readonly LanguageServerKind[] = ["vllm", "llama.cpp", "ollama"];

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** A gateway and an orchestrator, whose models are behind the URL of a server, as an operator writes it down. */
async function open(kind: LanguageServerKind) {
  const server = new FakeLanguageServer({ kind, models: [UPSTREAM], token: TOKEN });
  await server.start();
  opened.push(() => server.stop());
  const models = parseAiModels(
    JSON.stringify([
      {
        pipeline: "llm",
        model_id: MODEL,
        url: server.url,
        token: TOKEN,
        upstream_model: UPSTREAM,
        capacity: 4,
        ...(kind === "ollama" && { runtime: "ollama" }),
      },
    ]),
  );
  const settings = { dataDir: "/nowhere", starters: [], threads: 1 };
  const [executor] = localExecutors(settings, models, { clock: new TestClock(), log: silentLogger });
  if (executor === undefined) throw new Error("no executor");
  await executor.start();
  opened.push(() => executor.stop());
  const network = await PaidNetwork.open({ llm: PRICE }, executor);
  opened.push(() => network[Symbol.asyncDispose]());
  return { server, network };
}

const says = (answer: Partial<LanguageAnswer>) => () => ({ pieces: ["Hello"], ...answer });

/** The application was told that it was this many tokens, and both sides have booked what it was told. */
async function expectBooked(network: PaidNetwork, told: NodeJS.Dict<string>, tokens: bigint): Promise<void> {
  const charge = chargeOf(told);
  expect(charge?.units).toBe(tokens);
  const { payer, payee } = await network.totals();
  expect(payee?.debited).toEqual(charge?.cost);
  expect(payer?.debited).toEqual(charge?.cost);
  const balances = network.balances(llm);
  expect(balances.payer).toEqual(balances.payee);
}

describe.each(kinds)("from an application to %s and back", (kind) => {
  test("an answer is paid for by the tokens that the server counted", async () => {
    const { network, server } = await open(kind);
    const response = await fetch(`${network.url}/llm`, exampleRequest(llm));
    const answer = llm.response.parse(await response.json());
    expect(answer).toMatchObject({ model: MODEL, usage: { prompt_tokens: 11, completion_tokens: 5 } });
    expect(answer.choices[0]?.message?.content).toBe("Hello there");
    expect(server.questions[0]?.body["model"]).toBe(UPSTREAM);
    expect(server.questions[0]?.headers["authorization"]).toBe(`Bearer ${TOKEN}`);
    await expectBooked(network, Object.fromEntries(response.headers), 5n);
  });

  test("a stream arrives from its first piece on, and is paid for in the same way", async () => {
    const { network, server } = await open(kind);
    const second = Promise.withResolvers<void>();
    async function* pieces() {
      yield "Hel";
      await second.promise;
      yield "lo";
    }
    server.behave(says({ pieces: pieces(), usage: { prompt: 3, completion: 7 } }));
    const { method, headers, body } = exampleRequest(llm, { stream: true });
    const sent = request(`${network.url}/llm`, { method, headers: Object(headers) }).end(body);
    const [response] = await once(sent, "response");
    let text = "";
    for await (const chunk of response) {
      text += chunk;
      if (!text.includes('lo"')) expect(text).toContain("Hel");
      second.resolve();
    }
    expect(text).toContain('"completion_tokens":7,');
    await expectBooked(network, response.trailers, 7n);
  });

  test("an application that leaves stops the server", async () => {
    const { network, server } = await open(kind);
    server.behave(() => "hang");
    const leaving = new AbortController();
    const asking = fetch(`${network.url}/llm`, { ...exampleRequest(llm, { stream: true }), signal: leaving.signal });
    await server.arrived(1);
    leaving.abort();
    await expect(asking).rejects.toThrow();
    const [question] = server.questions;
    if (question?.left.aborted === false) await once(question.left, "abort");
  });

  test("an answer that breaks off ends with an error and costs nothing", async () => {
    const { network, server } = await open(kind);
    const begun = Promise.withResolvers<void>();
    async function* pieces() {
      yield "Hel";
      await begun.promise;
    }
    server.behave(says({ pieces: pieces(), ending: "cut" }));
    const response = await fetch(`${network.url}/llm`, exampleRequest(llm, { stream: true }));
    expect(response.status).toBe(200);
    begun.resolve();
    expect(await response.text()).toContain('event: error\ndata: {"error":{"code":"peer.unreachable"');
    const { payee } = await network.totals();
    expect(payee?.debited ?? Rational.ZERO).toEqual(Rational.ZERO);
  });

  test.each([
    [400, 400, "the context is full"],
    [401, 500, "token"],
    [404, 500, "the context is full"],
    [429, 503, ""],
    [500, 500, "the context is full"],
  ])("a refusal with %i is told as %i, without secrets", async (status, told, words) => {
    const { network, server } = await open(kind);
    server.behave(() => ({ status, body: '{"error":{"message":"the context is full"}}' }));
    const asking = fetch(`${network.url}/llm`, exampleRequest(llm));
    // A gateway waits a while for whoever is only busy.
    while (status === 429 && (await Promise.race([asking.then(() => false), turn().then(() => true)])))
      await network.clock.advance(seconds(1));
    const response = await asking;
    const text = await response.text();
    expect([response.status, text]).toEqual([told, expect.stringContaining(words)]);
    expect(text).not.toContain(TOKEN);
    const { payee } = await network.totals();
    expect(payee?.debited ?? Rational.ZERO).toEqual(Rational.ZERO);
  });
});
