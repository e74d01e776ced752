/** Whether what the starter video model is given moves and stays what it is: see README.md. */
import { decodeImage, encodePng, type Rgb8 } from "@rivulet/media";
import { judgePixels } from "@rivulet/starter-text-to-image/judge";
import { shows, thingsIn } from "../check/named.ts";
import { drawnScenes, drawScene, type Scene, SIDE } from "../check/scenes.ts";
import { type CheckResult, median, type StarterCheck, share } from "../check/starter-check.ts";
import { fileAt, Studio } from "../check/studio.ts";

const CASES = 24;
/** So many of these are also asked for other amounts of motion. */
const COMPARED = 6;
/** Amounts of motion: what requests ask for that name none, and from one end to the other. */
const MOTION = { usual: 127, none: 0, most: 255 } as const;
/** Pixels that things must have on both sides to be in the picture all the time: half of how far they sway. */
const ROOM = 20;
const ROOM_FOR_MOST = 36;
/** Shares of the picture's width: from here on anybody sees that something moves, and up to here that nothing does. */
const VISIBLE = 0.08;
const STILL = 0.02;
const TILES = 32;

interface FilmCase {
  readonly scene: Scene;
  readonly frames: readonly Rgb8[];
  readonly areRight: readonly boolean[];
  /** From its leftmost to its rightmost place, as a share of the width; of the first thing. */
  readonly travel: number;
  readonly tookMs: number;
}

function hasRoom({ things }: Scene, room: number): boolean {
  return things.every(({ x, radius }) => x - radius >= room && x + radius <= SIDE - room);
}

async function filmed(studio: Studio, scene: Scene, motion: number, signal: AbortSignal): Promise<FilmCase> {
  const files = { image: await encodePng(drawScene(scene)) };
  const body = { motion_bucket_id: motion, seed: 1 };
  const { response, timings } = await studio.run("image-to-video", body, { files, signal });
  const { frames: films } = response;
  const count = Array.isArray(films) && Array.isArray(films[0]) ? films[0].length : 0;
  const frames = await Promise.all(
    Array.from({ length: count }, (_, i) => decodeImage(fileAt(response, "frames", 0, i, "url"))),
  );
  const places = frames.flatMap((frame) => thingsIn(judgePixels(frame)).slice(0, 1));
  const xs = places.map(({ x }) => x);
  return {
    scene,
    frames,
    areRight: frames.map((frame) => shows(frame, scene)),
    travel: xs.length === 0 ? 0 : Math.max(...xs) - Math.min(...xs),
    tookMs: timings.inferenceMs,
  };
}

const isRight = ({ areRight }: FilmCase) => areRight.length > 0 && areRight.every((right) => right);

/** Four frames of a film in a square: the first, and every second after it. */
function fourOf({ frames }: FilmCase): Rgb8 {
  const data = new Uint8Array(12 * SIDE * SIDE).fill(255);
  for (const [i, { data: from, width }] of frames
    .filter((_, n) => n % 2 === 0)
    .slice(0, 4)
    .entries())
    for (let y = 0; y < SIDE; y++)
      data.set(
        from.subarray(3 * y * width, 3 * (y + 1) * width),
        3 * ((y + SIDE * Math.floor(i / 2)) * 2 * SIDE + SIDE * (i % 2)),
      );
  return { width: 2 * SIDE, height: 2 * SIDE, data };
}

export const check: StarterCheck = {
  pipeline: "image-to-video",
  async run({ cases: count = CASES, onProgress, signal }): Promise<CheckResult> {
    await using studio = await Studio.openStarter(import.meta.url);
    // Enough for as many that have room.
    const scenes = drawnScenes(4 * count)
      .filter((scene) => hasRoom(scene, ROOM))
      .slice(0, count);
    const cases: FilmCase[] = [];
    for (const scene of scenes) {
      cases.push(await filmed(studio, scene, MOTION.usual, signal));
      if (cases.length % 5 === 0) onProgress(`${cases.length} of ${count} films`);
    }
    const further: boolean[] = [];
    const still: boolean[] = [];
    for (const { scene, travel } of cases.filter((each) => hasRoom(each.scene, ROOM_FOR_MOST)).slice(0, COMPARED)) {
      const most = await filmed(studio, scene, MOTION.most, signal);
      further.push(isRight(most) && most.travel > travel + VISIBLE / 2);
      still.push((await filmed(studio, scene, MOTION.none, signal)).travel < STILL);
    }
    const unseen = cases.filter(({ scene }) => !scene.isSeen);
    const single = cases.filter(({ scene }) => scene.things.length === 1);
    const frames = cases.flatMap(({ areRight }) => areRight);
    return {
      figures: [
        { name: "films right in every frame", value: share(cases, isRight), unit: "share", goal: { atLeast: 0.9 } },
        { name: "  combinations never seen", value: share(unseen, isRight), unit: "share" },
        { name: "  one thing", value: share(single, isRight), unit: "share" },
        { name: "  frames right", value: share(frames, (right) => right), unit: "share" },
        {
          name: "moves visibly",
          value: share(cases, ({ travel }) => travel >= VISIBLE),
          unit: "share",
          goal: { atLeast: 0.95 },
        },
        {
          name: "moves further with a larger motion bucket",
          value: share(further, (is) => is),
          unit: "share",
          goal: { atLeast: 0.9 },
        },
        { name: "stands still with motion bucket 0", value: share(still, (is) => is), unit: "share" },
        { name: "travel, as a share of the width", value: median(cases.map(({ travel }) => travel)), unit: "share" },
        { name: "median time of a film", value: median(cases.map(({ tookMs }) => tookMs)), unit: "ms" },
      ],
      tiles: cases.slice(0, TILES).map((each) => ({ picture: fourOf(each), isRight: isRight(each) })),
      wrong: cases
        .filter((each) => !isRight(each))
        .map(({ scene, areRight }) => `${areRight.map((right) => (right ? "." : "x")).join("")} ${scene.caption}`),
    };
  },
};
