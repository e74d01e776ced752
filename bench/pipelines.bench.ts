/**
 * `npm run bench -- pipelines [--json] [--seconds N] [--only PIPELINE-OR-MODEL] [--models DIRECTORY] [--threads N]`: what
 * each pipeline costs on this machine, with the starter models or with all models of a directory in the layout of
 * `-aiModelsDir`.
 *
 * Each model has a process of its own, and one thread unless told otherwise. What is not inside the runtime is ours; the
 * goal is a tenth.
 */

import { type ExecException, execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { modelsBelow, type Subject, starters } from "./models.ts";
import type { Measured, Runs } from "./pipeline-probe.ts";
import { report } from "./report.ts";

const GOAL = 0.1;

const option = (name: string) => new RegExp(`--${name}[= ](\\S+)`).exec(process.argv.join(" "))?.[1];
const probe = fileURLToPath(new URL("pipeline-probe.ts", import.meta.url));
const [root, only] = [option("models"), option("only")];

async function measure({ pipeline, id, directory, defaults }: Subject): Promise<Measured> {
  const limits = [option("seconds") ?? "2", option("threads") ?? "1"];
  const args = [probe, pipeline.name, directory, id, ...limits, JSON.stringify(defaults)];
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
for (const subject of root === undefined ? starters() : await modelsBelow(root)) {
  const { name } = subject.pipeline;
  if (![undefined, name, subject.id].includes(only)) continue;
  const measured = await measure(subject).catch((error: ExecException) => {
    console.error(`${subject.id} as ${name}: ${error.signal ?? error.message}`);
    process.exitCode = 1;
  });
  if (measured === undefined) continue;
  const label = root === undefined ? name : `${name}, ${subject.id}`;
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
  ratios[`${label}: share of a job outside the runtime`] = outside;
  if (repeated !== undefined) {
    const { runs, ms } = repeated;
    rows.push({
      pipeline: name,
      model: "the same picture",
      "job ms": ms / runs,
      "not runtime %": percent(outsideOf(repeated)),
    });
    ratios[`${label}: a job with a picture seen before / with a new one`] = ms / runs / (fresh.ms / fresh.runs);
  }
  if (step !== undefined) ratios[`${label}: a step / the bare run of its graph`] = step.ms / step.bareMs;
  if (tokens !== undefined)
    ratios[`${label}: tokens a second / those of Transformers.js alone`] = tokens.perSecond / tokens.libraryPerSecond;
}
report("pipelines", rows, { results }, ratios);
