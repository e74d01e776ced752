import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Livepeer } from "@livepeer/ai";
import { encodePng } from "@rivulet/media";
import { batchPipelines } from "@rivulet/pipelines";
import { expect, test } from "vitest";
import { offers } from "./harness/network.ts";
import { MODEL, ScriptedRunner } from "./harness/scripted-runner.ts";
import { eventually, ROOT, Stage } from "./harness/stage.ts";

test("the published client generates a picture, unchanged", async () => {
  await using stage = new Stage();
  await using runner = await ScriptedRunner.start();
  const gateway = await stage.gateway([await stage.orchestrator([runner.models()])]);
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
  const gateway = await stage.gateway([await stage.orchestrator([runner.models()])]);
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
  const gateway = await stage.gateway([await stage.orchestrator([runner.models()])], [`-apiKeys=${keys}`]);
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

test("the README's curl session works as printed, for each of the nine batch routes", async () => {
  await using stage = new Stage();
  await using runner = await ScriptedRunner.start();
  const gateway = await stage.gateway(
    [await stage.orchestrator([runner.models()])],
    [`-modelDefaults=${JSON.stringify({ "text-to-image": { model: MODEL } })}`],
  );
  await offers(gateway, 1);
  const picture = await encodePng({ width: 8, height: 8, data: new Uint8Array(8 * 8 * 3) });
  const lines = curlLines();
  for (const { name } of batchPipelines)
    expect(
      lines.some((line) => line.includes(`/${name}`)),
      name,
    ).toBe(true);

  for (const line of lines) {
    // Files that a line sends exist in the reader's folder.
    for (const [, file] of line.matchAll(/@([\w./-]+)/g))
      writeFileSync(stage.path(file ?? ""), file?.endsWith(".png") ? picture : wav());
    const here = line.replace(/http:\/\/(?:127\.0\.0\.1|localhost):\d+/g, gateway.address);
    const { stdout: said } = await run("bash", ["-c", `${here} -s -w '\\n%{http_code}'`], {
      cwd: stage.leftovers.directory,
    });
    const status = Number(said.trimEnd().split("\n").at(-1));
    const body = said.slice(0, said.trimEnd().lastIndexOf("\n"));
    expect(body, line).not.toBe("");
    expect(body, line).not.toMatch(/\bat .*\.(ts|js):\d+/);
    const isOffered = !batchPipelines.some(({ name }) => name !== "text-to-image" && line.includes(`/${name}`));
    expect([line, status, isOffered || body.includes("no orchestrator offers this model")]).toEqual([
      line,
      isOffered ? 200 : 404,
      true,
    ]);
  }
});

/** Two seconds of silence. */
function wav(): Buffer {
  const samples = Buffer.alloc(64_000);
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + samples.length, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(16_000, 24);
  header.writeUInt32LE(32_000, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}
