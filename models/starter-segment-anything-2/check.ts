/** How good the segmentation starter is: masks of scenes that are drawn by code, so that every pixel's truth is known. */
import { encodePng, type Rgb8 } from "@rivulet/media";
import { Chance, drawnScenes, drawScene, masksOf, type Scene, SIDE, worn } from "../check/scenes.ts";
import { type CheckOptions, type CheckResult, median, type StarterCheck, type Tile } from "../check/starter-check.ts";
import { Studio } from "../check/studio.ts";

const PIPELINE = "segment-anything-2";
const SCENES = 100;
const FROM_POINT = { atLeast: 0.85 } as const;
const FROM_BOX = { atLeast: 0.9 } as const;
/** The best score may belong to a mask that is worse than the best one by this much. */
const NEAR = 0.05;
const ENOUGH = 0.5;

interface Answer {
  /** Best score first. */
  readonly overlaps: readonly number[];
  readonly scores: readonly number[];
  readonly masks: readonly Uint8Array[];
  /** Of the first mask, as it can be handed in again. */
  readonly logits: string;
  readonly tookMs: number;
}

/** Asks for the masks of one picture, and compares them with what is meant. */
class Asker {
  readonly #studio: Studio;
  readonly #image: Uint8Array;
  readonly #signal: AbortSignal;

  constructor(studio: Studio, image: Uint8Array, signal: AbortSignal) {
    this.#studio = studio;
    this.#image = image;
    this.#signal = signal;
  }

  async ask(body: Readonly<Record<string, unknown>>, meant: Uint8Array): Promise<Answer> {
    const options = { files: { image: this.#image }, signal: this.#signal };
    const { response, timings } = await this.#studio.run(PIPELINE, { return_logits: false, ...body }, options);
    const masks: readonly Uint8Array[] = parsed(response["masks"]).map((rows) => Uint8Array.from(rows.flat()));
    return {
      masks,
      overlaps: masks.map((mask) => overlapOf(mask, meant)),
      scores: JSON.parse(String(response["scores"])),
      logits: JSON.stringify(parsed(response["logits"]).slice(0, 1)),
      tookMs: timings.inferenceMs,
    };
  }
}

function parsed(text: unknown): readonly number[][][] {
  return JSON.parse(String(text));
}

/** What both have, as a share of what either has. */
function overlapOf(mask: Uint8Array, meant: Uint8Array): number {
  let [both, either] = [0, 0];
  for (const [i, bit] of mask.entries()) {
    both += bit & (meant[i] ?? 0);
    either += bit | (meant[i] ?? 0);
  }
  return both / Math.max(1, either);
}

/** A pixel of the mask that no other place is nearer to the edge than by a pixel: people click into things. */
function pointIn(mask: Uint8Array, chance: Chance): string {
  const inside = [...mask.keys()].filter((i) => [0, 1, -1, SIDE, -SIDE].every((step) => mask[i + step] === 1));
  const at = chance.pick(inside);
  return JSON.stringify([[at % SIDE, Math.floor(at / SIDE)]]);
}

function boxOf(mask: Uint8Array): string {
  const places = [...mask.keys()].filter((i) => mask[i] === 1);
  const [xs, ys] = [places.map((i) => i % SIDE), places.map((i) => Math.floor(i / SIDE))];
  const ends = (values: readonly number[], of: (a: number, b: number) => number) => values.reduce((a, b) => of(a, b));
  return JSON.stringify([ends(xs, Math.min), ends(ys, Math.min), ends(xs, Math.max) + 1, ends(ys, Math.max) + 1]);
}

interface Found {
  readonly scene: Scene;
  readonly picture: Rgb8;
  readonly choice: Answer;
  readonly single: Answer;
  readonly boxed: Answer;
  readonly again: Answer;
  readonly poor: Answer;
}

async function run({ cases = SCENES, onProgress, signal }: CheckOptions): Promise<CheckResult> {
  await using studio = await Studio.openStarter(import.meta.url);
  const chance = new Chance(2028);
  const found: Found[] = [];
  const grounds: Answer[] = [];
  for (const [i, scene] of drawnScenes(cases).entries()) {
    const picture = drawScene(scene);
    const masks = masksOf(scene);
    const clean = new Asker(studio, await encodePng(picture), signal);
    const poorly = new Asker(studio, await encodePng(worn(picture, i)), signal);
    for (const meant of masks) {
      const point = { point_coords: pointIn(meant, chance), point_labels: "[1]" };
      const single = await clean.ask({ ...point, multimask_output: false }, meant);
      found.push({
        scene,
        picture,
        single,
        choice: await clean.ask(point, meant),
        boxed: await clean.ask({ box: boxOf(meant), multimask_output: false }, meant),
        again: await clean.ask({ ...point, mask_input: single.logits, multimask_output: false }, meant),
        poor: await poorly.ask({ ...point, multimask_output: false }, meant),
      });
    }
    const ground = Uint8Array.from({ length: SIDE * SIDE }, (_, at) => (masks.some((mask) => mask[at] === 1) ? 0 : 1));
    grounds.push(await clean.ask({ point_coords: pointIn(ground, chance), point_labels: "[1]" }, ground));
    if (i % 20 === 19) onProgress(`segmented ${i + 1} of ${cases}`);
  }

  const first = ({ overlaps }: Answer) => overlaps[0] ?? 0;
  const unseen = found.filter(({ scene }) => !scene.isSeen);
  const pairs = found.filter(({ scene }) => scene.things.length > 1);
  const singles = found.map(({ single }) => single);
  const isWellRanked = ({ overlaps }: Answer) => (overlaps[0] ?? 0) >= Math.max(...overlaps) - NEAR;
  return {
    figures: [
      figure("one point, the single answer", mean(singles.map(first)), FROM_POINT),
      figure("  combinations training never drew", mean(unseen.map(({ single }) => first(single))), FROM_POINT),
      figure("  two things in the picture", mean(pairs.map(({ single }) => first(single))), FROM_POINT),
      figure("  the picture worn", mean(found.map(({ poor }) => first(poor))), FROM_POINT),
      figure("one point, the best scored of three", mean(found.map(({ choice }) => first(choice))), FROM_POINT),
      figure("  its overlap is within 0.05 of the best", mean(found.map(({ choice }) => Number(isWellRanked(choice))))),
      figure("a box", mean(found.map(({ boxed }) => first(boxed))), FROM_BOX),
      figure("  combinations training never drew", mean(unseen.map(({ boxed }) => first(boxed))), FROM_BOX),
      figure("  two things in the picture", mean(pairs.map(({ boxed }) => first(boxed))), FROM_BOX),
      figure("the point, and the answer's own logits", mean(found.map(({ again }) => first(again)))),
      figure("a point on the background", mean(grounds.map(first))),
      figure(
        "scores are off by",
        mean(singles.map(({ scores, overlaps }) => Math.abs((scores[0] ?? 0) - (overlaps[0] ?? 0)))),
      ),
      { name: "median time of an answer", value: median(singles.map(({ tookMs }) => tookMs)), unit: "ms" },
    ],
    tiles: found.slice(0, 64).map(
      ({ picture, single }): Tile => ({
        picture: marked(picture, single.masks[0]),
        isRight: first(single) >= FROM_POINT.atLeast,
      }),
    ),
    wrong: found
      .filter(({ single, boxed }) => Math.min(first(single), first(boxed)) < ENOUGH)
      .map(
        ({ scene, single, boxed }) =>
          `${scene.caption}: ${first(single).toFixed(2)} from a point, ${first(boxed).toFixed(2)} from a box`,
      ),
  };
}

const figure = (name: string, value: number, goal?: { readonly atLeast: number }) =>
  ({ name, value, unit: "share", ...(goal === undefined ? {} : { goal }) }) as const;

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** The picture, dark where the mask is not. */
function marked({ width, height, data }: Rgb8, mask: Uint8Array | undefined): Rgb8 {
  return { width, height, data: data.map((value, i) => (mask?.[Math.floor(i / 3)] === 1 ? value : value >> 2)) };
}

export const check: StarterCheck = { pipeline: PIPELINE, run };
