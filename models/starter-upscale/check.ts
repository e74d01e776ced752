/** Whether the starter upscaler is better than plain interpolation: see README.md. */
import { encodePng, type Rgb8 } from "@rivulet/media";
import { shows } from "../check/named.ts";
import { drawnScenes, drawScene, type Scene, SIDE } from "../check/scenes.ts";
import { type CheckResult, median, type StarterCheck, share } from "../check/starter-check.ts";
import { picturesOf, Studio } from "../check/studio.ts";
import { bicubic } from "./judge/bicubic.ts";

const CASES = 60;
const FACTOR = 4;
const TILES = 32;
/** Pixels of what tiles show of each of two pictures, which make a square together. */
const DETAIL = { width: 112, height: 56 } as const;
/** Pictures that are equal are told as this many dB apart from each other. */
const MOST_DB = 80;

interface Case {
  readonly scene: Scene;
  readonly plain: Rgb8;
  readonly made: Rgb8;
  readonly dB: number;
  readonly plainDb: number;
  readonly isNamed: boolean;
  readonly tookMs: number;
}

async function upscaled(studio: Studio, picture: Rgb8, signal: AbortSignal) {
  const body = { prompt: "larger", seed: 1, num_inference_steps: 1 };
  const { response, timings } = await studio.run("upscale", body, {
    files: { image: await encodePng(picture) },
    signal,
  });
  const [made] = await picturesOf(response);
  if (made === undefined) throw new RangeError("no picture came back");
  return { made, tookMs: timings.inferenceMs };
}

/** Signal to noise of a picture against the true one. */
function signalToNoise(picture: Rgb8, truth: Rgb8): number {
  const squares = truth.data.reduce((sum, value, i) => sum + (value - (picture.data[i] ?? 0)) ** 2, 0);
  return Math.min(MOST_DB, 10 * Math.log10((255 ** 2 * truth.data.length) / squares));
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The same part of two pictures, the plain one above, where the outline of the scene's first thing runs. */
function detailsOf({ scene, plain, made }: Case): Rgb8 {
  const [thing] = scene.things;
  const { width, height } = DETAIL;
  const within = (middle: number, length: number) =>
    Math.round(Math.min(SIDE - length, Math.max(0, middle - length / 2)));
  const left = within(thing?.x ?? SIDE / 2, width);
  const top = within(thing ? thing.y - thing.radius + height / 4 : SIDE / 2, height);
  const data = new Uint8Array(2 * 3 * width * height);
  for (let y = 0; y < height; y++)
    for (const [i, { data: from }] of [plain, made].entries()) {
      const start = 3 * ((top + y) * SIDE + left);
      data.set(from.subarray(start, start + 3 * width), 3 * width * (height * i + y));
    }
  return { width, height: 2 * height, data };
}

export const check: StarterCheck = {
  pipeline: "upscale",
  async run({ cases: count = CASES, onProgress, signal }): Promise<CheckResult> {
    await using studio = await Studio.openStarter(import.meta.url);
    const cases: Case[] = [];
    for (const scene of drawnScenes(count)) {
      const truth = drawScene(scene);
      const small = bicubic(truth, SIDE / FACTOR, SIDE / FACTOR);
      const plain = bicubic(small, SIDE, SIDE);
      const { made, tookMs } = await upscaled(studio, small, signal);
      const [dB, plainDb] = [signalToNoise(made, truth), signalToNoise(plain, truth)];
      cases.push({ scene, plain, made, dB, plainDb, isNamed: shows(made, scene), tookMs });
      if (cases.length % 10 === 0) onProgress(`${cases.length} of ${count}`);
    }
    const unseen = cases.filter(({ scene }) => !scene.isSeen);
    return {
      figures: [
        {
          name: "better than bicubic, scenes never seen",
          value: mean(unseen.map(({ dB, plainDb }) => dB - plainDb)),
          unit: "dB",
          goal: { atLeast: 1 },
        },
        { name: "  the worst of all scenes", value: Math.min(...cases.map((c) => c.dB - c.plainDb)), unit: "dB" },
        { name: "  signal to noise", value: mean(unseen.map(({ dB }) => dB)), unit: "dB" },
        { name: "  of bicubic", value: mean(unseen.map(({ plainDb }) => plainDb)), unit: "dB" },
        { name: "still named right", value: share(cases, (c) => c.isNamed), unit: "share", goal: { atLeast: 0.9 } },
        { name: "median time of a picture", value: median(cases.map((c) => c.tookMs)), unit: "ms" },
      ],
      tiles: cases.slice(0, TILES).map((c) => ({ picture: detailsOf(c), isRight: c.isNamed })),
      wrong: cases.filter((c) => !c.isNamed).map(({ scene }) => `after upscaling not named right: ${scene.caption}`),
    };
  },
};
