/** How good the text-to-image starter model is: pictures for captions, named by a judge that is not a model. */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Rgb8 } from "@rivulet/media";
import {
  type CheckOptions,
  type CheckResult,
  type Figure,
  median,
  type StarterCheck,
  share,
} from "../check/starter-check.ts";
import { picturesOf, Studio } from "../check/studio.ts";
import { editsCheck } from "./check-edits.ts";
import { isRight, type JudgedCaption, judgedCaptions } from "./judge/captions.ts";
import { judgePixels, type Verdict } from "./judge/judge.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const MODEL = join(HERE, "model");
const PIPELINE = "text-to-image";
/** Each of them must do, whichever the model names as its own: with the model's settings but for what is said here. */
const SCHEDULERS: Readonly<Record<string, { settings?: object; steps?: number }>> = {
  EulerDiscreteScheduler: {},
  EulerAncestralDiscreteScheduler: {},
  DDIMScheduler: {},
  // Of fourth order, it repeats a step and gropes for three more before it knows its way; and it must not begin where there
  // is next to no signal, so it is spaced as every published configuration of it.
  PNDMScheduler: { settings: { timestep_spacing: "leading", steps_offset: 1 }, steps: 16 },
  LCMScheduler: {},
  DPMSolverMultistepScheduler: {},
};
const CAPTIONS = 200;
const OTHER_CAPTIONS = 50;
/** Two pictures differ visibly when at least this share of their pixels has another colour, by this much of 255. */
const VISIBLE_SHARE = 0.01;
const VISIBLE_LEVELS = 40;
const SEEDS_COMPARED = 20;

interface Made extends JudgedCaption {
  readonly picture: Rgb8;
  readonly verdict: Verdict;
  readonly right: boolean;
  readonly tookMs: number;
}

/** The model once a scheduler: directories of their own, in which the weights are links to the same files. */
class Variants implements AsyncDisposable {
  readonly #folder: string;
  readonly #studio: Studio;

  private constructor(folder: string, studio: Studio) {
    this.#folder = folder;
    this.#studio = studio;
  }

  static async open(schedulers: readonly string[]): Promise<Variants> {
    const { rivulet } = JSON.parse(await readFile(join(HERE, "package.json"), "utf8"));
    const { defaults } = [rivulet].flat().find(({ pipeline }) => pipeline === PIPELINE);
    const folder = await mkdtemp(join(tmpdir(), "rivulet-models-check-"));
    const settings = JSON.parse(await readFile(join(MODEL, "scheduler/scheduler_config.json"), "utf8"));
    const models = [];
    for (const scheduler of schedulers) {
      const directory = join(folder, scheduler);
      await mkdir(join(directory, "scheduler"), { recursive: true });
      for (const name of await readdir(MODEL)) {
        if (name !== "scheduler") await symlink(join(MODEL, name), join(directory, name));
      }
      const { settings: own, steps = defaults.num_inference_steps } = SCHEDULERS[scheduler] ?? {};
      const changed = { ...settings, ...own, _class_name: scheduler };
      await writeFile(join(directory, "scheduler/scheduler_config.json"), JSON.stringify(changed));
      const given = { ...defaults, num_inference_steps: steps };
      models.push({ pipeline: PIPELINE, id: scheduler, directory, defaults: given } as const);
    }
    return new Variants(folder, await Studio.open(...models));
  }

  async make(scheduler: string, prompt: string, seed: number, signal: AbortSignal) {
    const { response, timings } = await this.#studio.run(PIPELINE, { prompt, seed }, { model: scheduler, signal });
    const [picture] = await picturesOf(response);
    if (picture === undefined) throw new RangeError("the answer has no picture");
    return { picture, tookMs: timings.inferenceMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#studio[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function makeAll(
  variants: Variants,
  scheduler: string,
  captions: readonly JudgedCaption[],
  { onProgress, signal }: CheckOptions,
): Promise<Made[]> {
  const made: Made[] = [];
  for (const [i, caption] of captions.entries()) {
    const { picture, tookMs } = await variants.make(scheduler, caption.text, i, signal);
    const verdict = judgePixels(picture);
    made.push({ ...caption, picture, tookMs, verdict, right: isRight(verdict, caption.expected) });
    if (i % 10 === 9) onProgress(`${scheduler}: ${i + 1} of ${captions.length}`);
  }
  return made;
}

/** How often a picture is right for the caption half a list away: a judge that says yes to everything shows here. */
function shuffledShare(made: readonly Made[]): number {
  const half = Math.floor(made.length / 2) + 1;
  return share(made, ({ verdict }) => {
    const other = made[(made.findIndex((m) => m.verdict === verdict) + half) % made.length];
    return other !== undefined && isRight(verdict, other.expected);
  });
}

function differsVisibly(a: Rgb8, b: Rgb8): boolean {
  let changed = 0;
  for (let i = 0; i < a.data.length; i += 3) {
    const levels = [0, 1, 2].map((c) => Math.abs((a.data[i + c] ?? 0) - (b.data[i + c] ?? 0)));
    if (Math.max(...levels) > VISIBLE_LEVELS) changed++;
  }
  return changed >= (VISIBLE_SHARE * a.data.length) / 3;
}

function named(scheduler: string): string {
  const steps = SCHEDULERS[scheduler]?.steps;
  return steps === undefined ? scheduler : `${scheduler}, ${steps} steps`;
}

async function run(options: CheckOptions): Promise<CheckResult> {
  const { flags, signal } = options;
  const cases = Number(flags?.get("captions") ?? options.cases ?? CAPTIONS);
  const wanted = (flags?.get("schedulers") ?? Object.keys(SCHEDULERS).join(","))
    .split(",")
    .filter((name) => name !== "");
  const captions = judgedCaptions(cases);
  const own: string = JSON.parse(await readFile(join(MODEL, "scheduler/scheduler_config.json"), "utf8"))._class_name;

  await using variants = await Variants.open([...new Set([own, ...wanted])]);
  const made = await makeAll(variants, own, captions, options);
  const bySchedulers = [];
  for (const scheduler of wanted) {
    const few = captions.slice(0, OTHER_CAPTIONS);
    const pictures = scheduler === own ? made : await makeAll(variants, scheduler, few, options);
    bySchedulers.push({ scheduler, value: share(pictures, ({ right }) => right) });
  }
  const again: boolean[] = [];
  for (const [i, { text, picture }] of made.slice(0, SEEDS_COMPARED).entries()) {
    const other = await variants.make(own, text, 1_000_000 + i, signal);
    again.push(differsVisibly(picture, other.picture));
  }
  const rightOf = (group: readonly Made[]) => share(group, ({ right }) => right);
  const part = (name: string, belongs: (made: Made) => boolean): readonly Figure[] => {
    const group = made.filter(belongs);
    return group.length === 0 ? [] : [{ name: `  ${name}`, value: rightOf(group), unit: "share" }];
  };
  return {
    figures: [
      {
        name: `right, of ${made.length} captions (${own})`,
        value: rightOf(made),
        unit: "share",
        goal: { atLeast: 0.9 },
      },
      ...part("combinations training could draw", ({ isSeen }) => isSeen),
      ...part("combinations it never drew", ({ isSeen }) => !isSeen),
      ...part("one thing", ({ expected }) => expected.kind === "single"),
      ...part("two things", ({ expected }) => expected.kind === "pair"),
      { name: "right for a shuffled caption", value: shuffledShare(made), unit: "share", goal: { atMost: 0.05 } },
      {
        name: "another seed, visibly another picture",
        value: share(again, (differs) => differs),
        unit: "share",
        goal: { atLeast: 0.95 },
      },
      ...bySchedulers.map(
        ({ scheduler, value }) => ({ name: named(scheduler), value, unit: "share", goal: { atLeast: 0.8 } }) as const,
      ),
      { name: "median time of a picture", value: median(made.map(({ tookMs }) => tookMs)), unit: "ms" },
    ],
    tiles: made.map(({ picture, right }) => ({ picture, isRight: right })),
    wrong: made
      .filter(({ right }) => !right)
      .map(({ text, verdict }) => `${text}: ${verdict.kind === "unclear" ? verdict.reason : JSON.stringify(verdict)}`),
  };
}

/** The same weights serve two pipelines. */
export const checks: readonly StarterCheck[] = [
  { pipeline: PIPELINE, flags: ["captions", "schedulers"], run },
  editsCheck,
];
