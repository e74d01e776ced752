/** How good the captioning starter is: scenes drawn by code, and pictures that the drawing starter makes. */
import { encodePng, type Rgb8 } from "@rivulet/media";
import { isRight, judgedCaptions, judgePixels } from "@rivulet/starter-text-to-image/judge";
import { drawnScenes, drawScene, worn } from "../check/scenes.ts";
import {
  type CheckOptions,
  type CheckResult,
  median,
  type StarterCheck,
  share,
  type Tile,
} from "../check/starter-check.ts";
import { picturesOf, Studio } from "../check/studio.ts";
import { namesSame, understood } from "./judge/told.ts";

const PIPELINE = "image-to-text";
const SCENES = 200;
/** Pictures are drawn for one case in so many: that takes a hundred times as long. */
const DRAWN_EVERY = 5;
/** One case in so many is also asked with a beginning. */
const BEGUN_EVERY = 4;
const BEGINNING = "a picture of";
const GOAL = { atLeast: 0.9 } as const;

interface Captioned {
  readonly picture: Rgb8;
  readonly isSeen: boolean;
  readonly meant: string;
  readonly told: string;
  /** Shapes and colours. */
  readonly isNamed: boolean;
  readonly tookMs: number;
}

class Captioner {
  readonly #studio: Studio;
  readonly #signal: AbortSignal;

  constructor(studio: Studio, signal: AbortSignal) {
    this.#studio = studio;
    this.#signal = signal;
  }

  async caption(picture: Rgb8, meant: string, isSeen: boolean, prompt = ""): Promise<Captioned> {
    const files = { image: await encodePng(picture) };
    const { response, timings } = await this.#studio.run(PIPELINE, { prompt }, { files, signal: this.#signal });
    const told = String(response["text"]).slice(prompt === "" ? 0 : prompt.length + 1);
    const isNamed = namesSame(understood(told), understood(meant));
    return { picture, isSeen, meant, told, isNamed, tookMs: timings.inferenceMs };
  }
}

/** Pictures the drawing starter makes, as far as its own judge calls them right: else there is no saying what they show. */
async function drawnByModel(count: number, { signal, onProgress }: CheckOptions) {
  await using studio = await Studio.openStarter(new URL("../starter-text-to-image/package.json", import.meta.url));
  const pictures: { readonly picture: Rgb8; readonly caption: string; readonly isSeen: boolean }[] = [];
  for (const [seed, { text, expected, isSeen }] of judgedCaptions(count).entries()) {
    const { response } = await studio.run("text-to-image", { prompt: text, seed }, { signal });
    const [picture] = await picturesOf(response);
    if (picture !== undefined && isRight(judgePixels(picture), expected))
      pictures.push({ picture, caption: text, isSeen });
    if (seed % 10 === 9) onProgress(`drawn ${seed + 1} of ${count}`);
  }
  return pictures;
}

async function run(options: CheckOptions): Promise<CheckResult> {
  const { cases = SCENES, onProgress, signal } = options;
  const models = await drawnByModel(Math.ceil(cases / DRAWN_EVERY), options);
  await using studio = await Studio.openStarter(import.meta.url);
  const captioner = new Captioner(studio, signal);
  const clean: Captioned[] = [];
  const poor: Captioned[] = [];
  const begun: Captioned[] = [];
  const loop: Captioned[] = [];
  for (const [i, scene] of drawnScenes(cases).entries()) {
    const picture = drawScene(scene);
    clean.push(await captioner.caption(picture, scene.caption, scene.isSeen));
    poor.push(await captioner.caption(worn(picture, i), scene.caption, scene.isSeen));
    if (i % BEGUN_EVERY === 0) begun.push(await captioner.caption(picture, scene.caption, scene.isSeen, BEGINNING));
    if (i % 50 === 49) onProgress(`captioned ${i + 1} of ${cases}`);
  }
  for (const { picture, caption, isSeen } of models) loop.push(await captioner.caption(picture, caption, isSeen));

  const all = [...clean, ...poor, ...begun, ...loop];
  const named = (some: readonly Captioned[]) => share(some, ({ isNamed }) => isNamed);
  const exact = (some: readonly Captioned[]) => share(some, ({ told, meant }) => told === meant);
  return {
    figures: [
      { name: "shapes and colours named right", value: named(clean), unit: "share", goal: GOAL },
      {
        name: "  combinations training never drew",
        value: named(clean.filter(({ isSeen }) => !isSeen)),
        unit: "share",
        goal: GOAL,
      },
      { name: "  two things", value: named(clean.filter(({ meant }) => isOfTwo(meant))), unit: "share" },
      { name: "  the same, worn", value: named(poor), unit: "share", goal: GOAL },
      { name: "  pictures that the drawing starter makes", value: named(loop), unit: "share", goal: GOAL },
      { name: `  begun with "${BEGINNING}"`, value: named(begun), unit: "share" },
      { name: "every word right", value: exact(clean), unit: "share" },
      { name: "  the same, worn", value: exact(poor), unit: "share" },
      { name: "  pictures that the drawing starter makes", value: exact(loop), unit: "share" },
      { name: "pictures that the drawing starter makes", value: loop.length, unit: "number" },
      { name: "median time of a caption", value: median(all.map(({ tookMs }) => tookMs)), unit: "ms" },
    ],
    tiles: [...clean.slice(0, 32), ...loop.slice(0, 32)].map(
      ({ picture, told, meant }): Tile => ({ picture, isRight: told === meant }),
    ),
    wrong: all.filter(({ told, meant }) => told !== meant).map(({ told, meant }) => `${meant}: told as "${told}"`),
  };
}

const isOfTwo = (caption: string) => understood(caption)?.kind === "pair";

export const check: StarterCheck = { pipeline: PIPELINE, run };
