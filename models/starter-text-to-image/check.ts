/**
 * How good the starter model is, through the product's own engine: `npm run models:check`.
 *
 *     npm run models:check                                  200 captions with the model's own scheduler, 50 with each other
 *     npm run models:check -- --captions 40 --schedulers EulerDiscreteScheduler,LCMScheduler
 *     npm run models:check -- --json                        the last line of standard output is one JSON object
 *
 * Leaves a contact sheet, right pictures framed in green and wrong ones in red, where `--sheet` says. Exits with 1 when a
 * goal is missed.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { decodeImage, encodePng, parseDataUrl, type Rgb8 } from "@rivulet/media";
import { secureRandomness, systemClock } from "@rivulet/node";
import { textToImage } from "@rivulet/pipelines";
import { modelId, silentLogger } from "@rivulet/primitives";
import { ALL_IMPLEMENTATIONS, processLauncher, Runner } from "@rivulet/runner";
import { isRight, type JudgedCaption, judgedCaptions } from "./judge/captions.ts";
import { judgePixels, type Verdict } from "./judge/judge.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const MODEL = join(HERE, "model");
const GOALS = { overall: 0.9, scheduler: 0.8, shuffledAtMost: 0.05, seedsDiffer: 0.95 } as const;
const SCHEDULERS = [
  "EulerDiscreteScheduler",
  "EulerAncestralDiscreteScheduler",
  "DDIMScheduler",
  "PNDMScheduler",
  "LCMScheduler",
  "DPMSolverMultistepScheduler",
] as const;
const OTHER_CAPTIONS = 50;
/** Two pictures differ visibly when at least this share of their pixels has another colour, by this much of 255. */
const VISIBLE_SHARE = 0.01;
const VISIBLE_LEVELS = 40;
const SEEDS_COMPARED = 20;
const MAX_PICTURE_BYTES = 1_000_000;

interface Made extends JudgedCaption {
  readonly picture: Rgb8;
  readonly verdict: Verdict;
  readonly right: boolean;
  readonly tookMs: number;
}

/** Makes pictures with the product's engine. One model directory a scheduler: the weights are links to the same files. */
class Studio implements AsyncDisposable {
  readonly #folder: string;
  readonly #runner: Runner;
  readonly #defaults: Readonly<Record<string, unknown>>;

  private constructor(folder: string, runner: Runner, defaults: Readonly<Record<string, unknown>>) {
    this.#folder = folder;
    this.#runner = runner;
    this.#defaults = defaults;
  }

  static async open(schedulers: readonly string[]): Promise<Studio> {
    const { rivulet } = JSON.parse(await readFile(join(HERE, "package.json"), "utf8"));
    const folder = await mkdtemp(join(tmpdir(), "rivulet-models-check-"));
    const settings = JSON.parse(await readFile(join(MODEL, "scheduler/scheduler_config.json"), "utf8"));
    const models = [];
    for (const scheduler of schedulers) {
      const directory = join(folder, scheduler);
      await mkdir(join(directory, "scheduler"), { recursive: true });
      for (const name of await readdir(MODEL)) {
        if (name !== "scheduler") await symlink(join(MODEL, name), join(directory, name));
      }
      const changed = { ...settings, _class_name: scheduler };
      await writeFile(join(directory, "scheduler/scheduler_config.json"), JSON.stringify(changed));
      models.push({ pipeline: "text-to-image", model: modelId(scheduler), directory } as const);
    }
    const ports = { clock: systemClock, randomness: secureRandomness, log: silentLogger };
    const launcher = processLauncher({ implementations: ALL_IMPLEMENTATIONS, log: silentLogger });
    const runner = new Runner({ models, threads: availableParallelism() }, { ...ports, launcher });
    await runner.start();
    return new Studio(folder, runner, rivulet.defaults);
  }

  async make(scheduler: string, prompt: string, seed: number): Promise<{ picture: Rgb8; tookMs: number }> {
    const body = { ...this.#defaults, model_id: scheduler, prompt, seed };
    const job = this.#runner.prepare(textToImage, body, {});
    const { response, timings } = await this.#runner.run(job, { signal: new AbortController().signal });
    const [image] = response["images"] as readonly { readonly url: string }[];
    return {
      picture: await decodeImage(parseDataUrl(image?.url ?? "", { maxBytes: MAX_PICTURE_BYTES }).bytes),
      tookMs: timings.inferenceMs,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function makeAll(studio: Studio, scheduler: string, captions: readonly JudgedCaption[]): Promise<Made[]> {
  const made: Made[] = [];
  for (const [i, caption] of captions.entries()) {
    const { picture, tookMs } = await studio.make(scheduler, caption.text, i);
    const verdict = judgePixels(picture);
    made.push({ ...caption, picture, tookMs, verdict, right: isRight(verdict, caption.expected) });
    if (i % 10 === 9) process.stderr.write(`${scheduler}: ${i + 1} of ${captions.length}\n`);
  }
  return made;
}

const share = <T>(items: readonly T[], is: (item: T) => boolean) => items.filter(is).length / Math.max(1, items.length);
const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const middle = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

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

const TILE = 128;
const FRAME = 4;
const COLUMNS = 16;

/** All pictures at half size, framed by whether they are right. */
async function contactSheet(made: readonly Made[]): Promise<Uint8Array> {
  const rows = Math.ceil(made.length / COLUMNS);
  const [width, height] = [COLUMNS * TILE, rows * TILE];
  const data = new Uint8Array(width * height * 3).fill(255);
  for (const [i, { picture, right }] of made.entries()) {
    const [left, top] = [(i % COLUMNS) * TILE, Math.floor(i / COLUMNS) * TILE];
    for (let y = 0; y < TILE; y++) {
      for (let x = 0; x < TILE; x++) {
        const isFrame = Math.min(x, y, TILE - 1 - x, TILE - 1 - y) < FRAME;
        const source =
          3 * (Math.floor((y * picture.height) / TILE) * picture.width + Math.floor((x * picture.width) / TILE));
        const pixel = isFrame ? (right ? [0, 150, 0] : [255, 0, 0]) : picture.data.subarray(source, source + 3);
        data.set(pixel, 3 * ((top + y) * width + left + x));
      }
    }
  }
  return encodePng({ data, width, height });
}

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    captions: { type: "string", default: "200" },
    schedulers: { type: "string", default: SCHEDULERS.join(",") },
    sheet: { type: "string", default: join(tmpdir(), "starter-text-to-image.png") },
    json: { type: "boolean", default: false },
  },
});
const wanted = values.schedulers.split(",").filter((name) => name !== "");
const captions = judgedCaptions(Number(values.captions));
const own: string = JSON.parse(await readFile(join(MODEL, "scheduler/scheduler_config.json"), "utf8"))._class_name;

await using studio = await Studio.open([...new Set([own, ...wanted])]);
const made = await makeAll(studio, own, captions);
const bySchedulers: Record<string, number> = {};
for (const scheduler of wanted) {
  const pictures = scheduler === own ? made : await makeAll(studio, scheduler, captions.slice(0, OTHER_CAPTIONS));
  bySchedulers[scheduler] = share(pictures, ({ right }) => right);
}
const again: boolean[] = [];
for (const [i, { text, picture }] of made.slice(0, SEEDS_COMPARED).entries()) {
  const other = await studio.make(own, text, 1_000_000 + i);
  again.push(differsVisibly(picture, other.picture));
}
await writeFile(values.sheet, await contactSheet(made));

const kinds = {
  single: made.filter(({ expected }) => expected.kind === "single"),
  pair: made.filter(({ expected }) => expected.kind === "pair"),
};
const figures = {
  captions: made.length,
  overall: share(made, ({ right }) => right),
  seen: share(
    made.filter(({ isSeen }) => isSeen),
    ({ right }) => right,
  ),
  neverSeen: share(
    made.filter(({ isSeen }) => !isSeen),
    ({ right }) => right,
  ),
  single: share(kinds.single, ({ right }) => right),
  pair: share(kinds.pair, ({ right }) => right),
  shuffled: shuffledShare(made),
  seedsDiffer: share(again, (differs) => differs),
  schedulers: bySchedulers,
  medianMs: middle(made.map(({ tookMs }) => tookMs)),
  sheet: values.sheet,
};
const rows: readonly (readonly [string, string])[] = [
  [`right, of ${figures.captions} captions (${own})`, percent(figures.overall)],
  ["  combinations training could draw", percent(figures.seen)],
  ["  combinations it never drew", percent(figures.neverSeen)],
  ["  one thing", percent(figures.single)],
  ["  two things", percent(figures.pair)],
  ["right for a shuffled caption", percent(figures.shuffled)],
  ["another seed, visibly another picture", percent(figures.seedsDiffer)],
  ...Object.entries(bySchedulers).map(([name, value]) => [name, percent(value)] as const),
  ["median time of a picture", `${Math.round(figures.medianMs)} ms`],
  ["contact sheet", figures.sheet],
];
const table = rows.map(([name, value]) => `${name.padEnd(52)}${value}`).join("\n");
process.stderr.write(`\n${table}\n`);
for (const { text, verdict, right } of made) {
  if (!right)
    process.stderr.write(`wrong: ${text}: ${verdict.kind === "unclear" ? verdict.reason : JSON.stringify(verdict)}\n`);
}
if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
const isGood =
  figures.overall >= GOALS.overall &&
  Object.values(bySchedulers).every((value) => value >= GOALS.scheduler) &&
  figures.shuffled <= GOALS.shuffledAtMost &&
  figures.seedsDiffer >= GOALS.seedsDiffer;
process.exitCode = isGood ? 0 : 1;
