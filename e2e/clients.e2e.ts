import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Livepeer } from "@livepeer/ai";
import { batchPipelines } from "@rivulet/pipelines";
import { beforeAll, describe, expect, test } from "vitest";
import { offers } from "./harness/network.ts";
import { MODEL, ScriptedRunner } from "./harness/scripted-runner.ts";
import { ShownNetwork } from "./harness/shown-network.ts";
import { eventually, ROOT, Stage } from "./harness/stage.ts";

/** Masks as text are the longest answer. */
const MAX_ANSWER = 64 * 1024 * 1024;

test("the published client generates a picture, unchanged", async () => {
  await using stage = new Stage();
  await using runner = await ScriptedRunner.start();
  const gateway = await stage.gateway([await stage.orchestrator([runner.offer()])]);
  await offers(gateway, 1);

  const client = new Livepeer({ serverURL: gateway.address, httpBearer: "" });
  const result = await client.generate.textToImage({
    modelId: MODEL,
    prompt: "a circle",
    width: 64,
    height: 64,
    numInferenceSteps: 1,
    seed: 7,
  });
  const [image] = result.imageResponse?.images ?? [];
  expect(image).toMatchObject({ seed: 7, nsfw: false });
  const file = await fetch(new URL(image?.url ?? "", gateway.address));
  expect(file.headers.get("content-type")).toBe("image/png");
  expect((await file.arrayBuffer()).byteLength).toBeGreaterThan(0);
});

test("the published client understands our errors", async () => {
  await using stage = new Stage();
  await using runner = await ScriptedRunner.start();
  const gateway = await stage.gateway([await stage.orchestrator([runner.offer()])]);
  await offers(gateway, 1);
  const client = new Livepeer({ serverURL: gateway.address, httpBearer: "" });
  await expect(client.generate.textToImage({ modelId: MODEL, prompt: "a circle", width: -8 })).rejects.toMatchObject({
    name: "HTTPValidationError",
  });
  await expect(client.generate.textToImage({ modelId: "not/here", prompt: "a circle" })).rejects.toThrow();
});

test("a gateway with keys lets in who shows one, through the published client too", async () => {
  await using stage = new Stage();
  await using runner = await ScriptedRunner.start();
  const keys = stage.write("keys", "an-application 0123456789abcdef-a-key\n");
  const gateway = await stage.gateway([await stage.orchestrator([runner.offer()])], [`-apiKeys=${keys}`]);
  const ask = (httpBearer: string) =>
    new Livepeer({ serverURL: gateway.address, httpBearer }).generate.textToImage({
      modelId: MODEL,
      prompt: "a circle",
      width: 64,
      height: 64,
    });
  await expect(ask("another key of some length")).rejects.toThrow(/bearer key|not known/);
  const answer = await eventually("the orchestrator is found", () =>
    ask("0123456789abcdef-a-key").catch(() => undefined),
  );
  expect(answer.imageResponse?.images).toHaveLength(1);
});

const run = promisify(execFile);

/** The lines of the README that begin with `curl`, whole with their continuations. */
function curlLines(): readonly string[] {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8").replace(/\\\n\s*/g, " ");
  return readme.split("\n").filter((line) => line.startsWith("curl "));
}

/** What `npm start` leaves running: the models and results that the README speaks of. */
describe("with the network of npm start", () => {
  let network: ShownNetwork;
  beforeAll(async () => {
    network = await ShownNetwork.open();
    return () => network[Symbol.asyncDispose]();
  }, 700_000);

  test("the README's curl session works as printed, for each of the nine batch routes", async () => {
    const lines = curlLines();
    for (const { name } of batchPipelines)
      expect(
        lines.some((line) => line.includes(`/${name}`)),
        name,
      ).toBe(true);

    for (const line of lines) {
      const here = line.replace(/http:\/\/(?:127\.0\.0\.1|localhost):\d+/g, network.address);
      const { stdout: said } = await run("bash", ["-c", `${here} -s -w '\\n%{http_code}'`], {
        cwd: network.folder,
        maxBuffer: MAX_ANSWER,
      });
      const status = Number(said.trimEnd().split("\n").at(-1));
      const body = said.slice(0, said.trimEnd().lastIndexOf("\n"));
      expect([line, status, status === 200 ? "" : body]).toEqual([line, 200, ""]);
      expect(body, line).not.toBe("");
    }
  });

  test("the README's program runs as printed", async () => {
    const readme = readFileSync(join(ROOT, "README.md"), "utf8");
    const [, program = ""] = /```ts\n([^`]*@livepeer\/ai[^`]*)```/.exec(readme) ?? [];
    expect(program.match(/generate\.\w+\(/g)).toHaveLength(batchPipelines.length);
    // Where the client is found, as it would be in an application's own folder.
    const file = join(ROOT, "e2e", `readme-${process.pid}.mts`);
    writeFileSync(file, program.replace(/http:\/\/127\.0\.0\.1:\d+/g, network.address));
    try {
      await run(process.execPath, [file], { cwd: network.folder });
    } finally {
      rmSync(file);
    }
  });

  test("nine of the ten methods of the published client are answered, unchanged", async () => {
    const { generate } = new Livepeer({ serverURL: network.address, httpBearer: "" });
    const image = new Blob([network.file("text-to-image.png")], { type: "image/png" });
    const audio = new Blob([network.file("text-to-speech.wav")], { type: "audio/wav" });
    const prompt = "a large red circle on a blue background";
    const small = { width: 256, height: 256, numInferenceSteps: 8, guidanceScale: 2.5 };
    const drawn = await generate.textToImage({ prompt, ...small });
    const changed = await generate.imageToImage({ prompt, image, ...small });
    const large = await generate.upscale({ prompt, image, numInferenceSteps: 8 });
    const film = await generate.imageToVideo({ image, ...small });
    for (const each of [drawn.imageResponse, changed.imageResponse, large.imageResponse, film.videoResponse])
      expect(each?.images).toMatchObject([{ url: expect.stringContaining("/stream/"), nsfw: false }]);
    const masks = await generate.segmentAnything2({ image, pointCoords: "[[128,128]]", pointLabels: "[1]" });
    expect(JSON.parse(masks.masksResponse?.scores ?? "")).toHaveLength(3);
    expect((await generate.imageToText({ image })).imageToTextResponse?.text).toContain("red circle");
    const speech = await generate.textToSpeech({ text: "hello this is rivulet" });
    expect(speech.audioResponse?.audio.url).toBeTruthy();
    expect((await generate.audioToText({ audio })).textResponse?.chunks.length).toBeGreaterThan(0);
    const answer = await generate.llm({ messages: [{ role: "user", content: "What is Rivulet?" }] });
    expect(answer.llmResponse?.choices[0]?.message?.content).toBeTruthy();
    await expect(generate.liveVideoToVideo({ subscribeUrl: "", publishUrl: "" })).rejects.toThrow();
  });
});
