import { probeFiles, verifyImage } from "@rivulet/media";
import { batchPipelines, type Pipeline, parseRequest, resolveRequest } from "@rivulet/pipelines";
import { type Logger, silentLogger } from "@rivulet/primitives";
import {
  blamedField,
  type CheapChanges,
  cheapBody,
  cheapFields,
  cheapMedia,
  seededRandomness,
  tinyModel,
} from "@rivulet/testkit";
import { expect, vi } from "vitest";
import { Hardware } from "../../src/hardware.ts";
import { memoryLauncher } from "../../src/host/memory-host.ts";
import type { HostJob, HostLauncher } from "../../src/host/messages.ts";
import type { HostImplementations } from "../../src/host/serve-host.ts";
import { RunnerServer } from "../../src/http/server.ts";
import { type Implementations, implementations } from "../../src/pipelines/index.ts";
import { Runner, type RunnerOptions } from "../../src/runner.ts";
import { systemClock } from "../../src/system.ts";

/** The pipelines that run here, which is all of those that answer one request with one answer. */
export const subjects: readonly Pipeline[] = batchPipelines;

/** For what loads all models one after the other, on a machine that may have other things to do; in milliseconds. */
export const PATIENCE = 300_000;
vi.setConfig({ testTimeout: PATIENCE, hookTimeout: PATIENCE });

export interface Stand extends AsyncDisposable {
  readonly url: string;
  readonly runner: Runner;
}

/** A runner with a tiny model for each pipeline, or for some, on a port of its own. */
export async function openStand(
  options: {
    readonly pipelines?: readonly Pipeline[];
    readonly implementations?: Implementations;
    readonly launcher?: HostLauncher;
    readonly runner?: Partial<RunnerOptions>;
    readonly log?: Logger;
  } = {},
): Promise<Stand> {
  const log = options.log ?? silentLogger;
  const randomness = seededRandomness(1);
  const ports = { clock: systemClock, randomness, log };
  const inMemory = () =>
    memoryLauncher({
      implementations: (options.implementations ?? implementations) as unknown as HostImplementations,
      ...ports,
    });
  const models = (options.pipelines ?? subjects).map((pipeline) => ({
    pipeline: pipeline.name as keyof Implementations,
    model: tinyModel(pipeline).id,
    directory: tinyModel(pipeline).directory,
  }));
  const runner = new Runner(
    { models, threads: 1, ...options.runner },
    { ...ports, launcher: options.launcher ?? inMemory() },
  );
  const hardware = new Hardware({ clock: systemClock, query: async () => "" });
  const server = new RunnerServer({ host: "127.0.0.1", port: 0 }, { ...ports, runner, hardware });
  await server.start();
  await runner.start();
  return {
    url: server.url,
    runner,
    async [Symbol.asyncDispose]() {
      await server.stop();
      await runner.stop();
    },
  };
}

/** The pipeline's example, as small as it can be, for what stands behind the HTTP surface. */
export async function cheapJob(pipeline: Pipeline): Promise<HostJob> {
  const media = await cheapMedia(pipeline);
  const parsed = parseRequest(pipeline, Object.fromEntries(cheapFields(pipeline)));
  return { request: resolveRequest(pipeline, parsed, probeFiles(pipeline.media, media), seededRandomness(1)), media };
}

/** Asks for the pipeline's example with some fields and files changed. */
export async function ask(
  { url }: Pick<Stand, "url">,
  pipeline: Pipeline,
  { signal, ...changes }: CheapChanges & { readonly signal?: AbortSignal } = {},
): Promise<Answer> {
  const { body, contentType } = await cheapBody(pipeline, changes);
  const response = await fetch(`${url}/${pipeline.name}`, {
    method: "POST",
    headers: { "content-type": contentType },
    body,
    ...(signal && { signal }),
  });
  return { status: response.status, code: response.headers.get("x-rivulet-code") ?? "", text: await response.text() };
}

export interface Answer {
  readonly status: number;
  readonly code: string;
  readonly text: string;
}

/** Fields that ask for something together with another, which is named then. */
const TOGETHER: Readonly<Record<string, string>> = { num_inference_steps: "strength" };

/**
 * Holds an answer to what may never be otherwise: a result as it was promised, whose pictures are whole; or a refusal that
 * finds fault with exactly that field of the request. Says which it was.
 */
export async function judged(answer: Answer, pipeline: Pipeline, blamed?: string): Promise<"done" | "refused"> {
  const { status, text, code } = answer;
  if (status === 200) {
    await checkResult(pipeline, JSON.parse(text));
    return "done";
  }
  expect([code, status >= 400 && status < 500], `only the request may be at fault: ${text}`).toEqual([
    expect.stringMatching(/^(?:request|model)\./),
    true,
  ]);
  if (blamed !== undefined) expect([blamed, TOGETHER[blamed]], text).toContain(blamedField(text));
  return "refused";
}

export async function checkResult(pipeline: Pipeline, body: unknown): Promise<void> {
  const { runnerResponse } = pipeline;
  if (runnerResponse !== undefined) runnerResponse.parse(body);
  else pipeline.response.parse(body);
  for (const [, type, data = ""] of JSON.stringify(body).matchAll(/data:(\w+)\/\w+;base64,([^"]+)/g)) {
    const bytes = Buffer.from(data, "base64");
    expect(bytes.length).toBeGreaterThan(40);
    if (type === "image") await verifyImage(bytes);
  }
}

/** Whether every pipeline of the stand still does its example: whatever came before has left nothing behind. */
export async function expectStanding(stand: Stand, among: readonly Pipeline[] = subjects): Promise<void> {
  for (const pipeline of among) {
    const answer = await ask(stand, pipeline);
    expect([pipeline.name, answer.status, answer.status === 200 ? "" : answer.text]).toEqual([pipeline.name, 200, ""]);
  }
}
