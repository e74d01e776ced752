/**
 * `npm run bench -- pipelines [--json] [--seconds N] [--only NAME]`: what each pipeline costs on this machine, with the
 * starter model that is installed, or with the tiny model of random numbers that its tests use.
 *
 * Each model has a process of its own and one thread. What is not inside the runtime is ours; the goal is a tenth.
 */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findStarterModels } from "@rivulet/node";
import { batchPipelines, type Pipeline } from "@rivulet/pipelines";
import type { Measured, Runs } from "./pipeline-probe.ts";
import { report } from "./report.ts";

const GOAL = 0.1;

const option = (name: string) => new RegExp(`--${name}[= ](\\S+)`).exec(process.argv.join(" "))?.[1];
const probe = fileURLToPath(new URL("pipeline-probe.ts", import.meta.url));
const references = new URL("../models/references/", import.meta.url);

/** Of pipelines whose starter model is not installed. */
const TINY: Readonly<Record<string, string>> = {
  "text-to-image": "sd1",
  "image-to-image": "sd1",
  "image-to-video": "svd",
  upscale: "swin2sr",
  "image-to-text": "blip",
  "segment-anything-2": "sam2",
  "audio-to-text": "whisper",
  "text-to-speech": "vits",
  llm: "llama",
};

interface Subject {
  readonly pipeline: Pipeline;
  readonly id: string;
  readonly directory: string;
  readonly defaults: object;
}

function subjectOf(pipeline: Pipeline): readonly Subject[] {
  const starter = findStarterModels().find((model) => model.pipeline === pipeline.name);
  if (starter !== undefined) return [{ ...starter, pipeline }];
  const family = TINY[pipeline.name];
  const directory = family === undefined ? "" : fileURLToPath(new URL(`${family}/model`, references));
  return existsSync(directory) ? [{ pipeline, id: `tiny/${family}`, directory, defaults: {} }] : [];
}

async function measure({ pipeline, id, directory, defaults }: Subject): Promise<Measured> {
  const args = [probe, pipeline.name, directory, id, option("seconds") ?? "2", JSON.stringify(defaults)];
  const { stdout } = await promisify(execFile)(process.execPath, ["--disable-warning=ExperimentalWarning", ...args]);
  return JSON.parse(stdout);
}

function outsideOf({ ms, insideMs }: Runs): number {
  return 1 - insideMs / ms;
}

function percent(share: number): number {
  return Number((share * 100).toFixed(1));
}

const rows: Record<string, string | number>[] = [];
const results: object[] = [];
const ratios: Record<string, number> = {};
for (const subject of batchPipelines.flatMap(subjectOf)) {
  const { name } = subject.pipeline;
  if (![undefined, name].includes(option("only"))) continue;
  const measured = await measure(subject);
  const { loadMs, firstMs, fresh, repeated, unit, perSecond, peakMiB, step, tokens } = measured;
  const outside = outsideOf(fresh);
  rows.push({
    pipeline: name,
    model: subject.id,
    "load ms": Math.round(loadMs),
    "first ms": Math.round(firstMs),
    "job ms": fresh.ms / fresh.runs,
    "work/s": `${perSecond.toPrecision(3)} ${unit}`,
    "peak MiB": Math.round(peakMiB),
    "not runtime %": percent(outside),
    "": outside > GOAL ? "over the goal" : "",
  });
  results.push({ pipeline: name, model: subject.id, ...measured });
  ratios[`${name}: share of a job outside the runtime`] = outside;
  if (repeated !== undefined) {
    const { runs, ms } = repeated;
    rows.push({
      pipeline: name,
      model: "the same picture",
      "job ms": ms / runs,
      "not runtime %": percent(outsideOf(repeated)),
    });
    ratios[`${name}: a job with a picture seen before / with a new one`] = ms / runs / (fresh.ms / fresh.runs);
  }
  if (step !== undefined) ratios[`${name}: a step / the bare run of its graph`] = step.ms / step.bareMs;
  if (tokens !== undefined)
    ratios[`${name}: tokens a second / those of Transformers.js alone`] = tokens.perSecond / tokens.libraryPerSecond;
}
report("pipelines", rows, { results }, ratios);
