/**
 * Scenes of the starter models' world that are drawn here and not by a model, with what is true of them: a caption, and
 * the mask of each thing. Where things stand is as in the drawing model's `shapes.py`.
 */
import type { Rgb8 } from "@rivulet/media";
import {
  COLOUR_NAMES,
  COLOURS,
  type Colour,
  isHeldOut,
  isInside,
  type Relation,
  SHAPES,
  type Shape,
  SIZE_NAMES,
  SIZES,
  type Size,
} from "@rivulet/starter-text-to-image/judge";

export interface DrawnThing {
  readonly shape: Shape;
  readonly colour: Colour;
  /** Things of a pair have no size to speak of. */
  readonly size?: Size;
  /** Middle and half the side of its box, in pixels of the picture. */
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

export interface Scene {
  readonly background: Colour;
  /** One or two. */
  readonly things: readonly DrawnThing[];
  /** In the plain form, every property named. */
  readonly caption: string;
  /** Whether training could have drawn this combination. */
  readonly isSeen: boolean;
}

export const SIDE = 256;

const MIDDLE = SIDE / 2;
/** How far from where its caption says a thing may stand. */
const AROUND = 12;
const PLACES = {
  "on the left": [-1, 0],
  "on the right": [1, 0],
  "at the top": [0, -1],
  "at the bottom": [0, 1],
} as const;
const PLACE_NAMES = Object.keys(PLACES) as readonly (keyof typeof PLACES)[];
const PLACE_OFFSET = [46, 60] as const;
const PAIR_RADIUS = [38, 48] as const;
const PAIR_ALONG = [56, 68] as const;
const PAIR_AROUND = 16;
/** No closer to an edge. */
const MARGIN = 6;
/** One scene in three has two things; one in four of the others names a place. */
const PAIR_EVERY = 3;
const PLACED = 0.25;

/** A short deterministic generator (mulberry32): scenes must be the same for everyone. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to but not including 1. */
  share(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  between(from: number, to: number): number {
    return from + this.share() * (to - from);
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.share() * from.length)] as T;
  }

  /** Of a bell of width 1. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.share())) * Math.cos(2 * Math.PI * this.share());
  }
}

/** The same `count` scenes for everyone: alternately one that training may have drawn and one that it never has. */
export function drawnScenes(count: number, seed = 2027): readonly Scene[] {
  const chance = new Chance(seed);
  const scenes: Scene[] = [];
  while (scenes.length < count) {
    const isPair = Math.floor(scenes.length / 2) % PAIR_EVERY === PAIR_EVERY - 1;
    const scene = isPair ? pairScene(chance) : singleScene(chance);
    if (scene.isSeen === (scenes.length % 2 === 0)) scenes.push(scene);
  }
  return scenes;
}

const article = (words: string) => (words.startsWith("o") ? `an ${words}` : `a ${words}`);

function singleScene(chance: Chance): Scene {
  const background = chance.pick(COLOUR_NAMES);
  const colour = chance.pick(COLOUR_NAMES.filter((name) => name !== background));
  const [size, shape] = [chance.pick(SIZE_NAMES), chance.pick(SHAPES)];
  const place = size !== "large" && chance.share() < PLACED ? chance.pick(PLACE_NAMES) : undefined;
  const [least, most] = SIZES[size];
  const radius = chance.between(least, most) * SIDE;
  const room = MIDDLE - MARGIN - radius;
  const [across, down] = place === undefined ? [0, 0] : PLACES[place];
  const at = (direction: number) => {
    const offset = direction === 0 ? chance.between(-AROUND, AROUND) : direction * chance.between(...PLACE_OFFSET);
    return MIDDLE + Math.min(room, Math.max(-room, offset));
  };
  const where = place === undefined ? "" : ` ${place}`;
  return {
    background,
    things: [{ shape, colour, size, x: at(across), y: at(down), radius }],
    caption: `a ${size} ${colour} ${shape}${where} on ${article(background)} background`,
    isSeen: !isHeldOut(`${size} ${colour} ${shape} on ${background}`),
  };
}

function pairScene(chance: Chance): Scene {
  const background = chance.pick(COLOUR_NAMES);
  const others = COLOUR_NAMES.filter((name) => name !== background);
  const relation = chance.pick<Relation>(["left of", "above"]);
  const thing = (along: number): DrawnThing => {
    const across = MIDDLE + chance.between(-PAIR_AROUND, PAIR_AROUND);
    const [x, y] = relation === "left of" ? [along, across] : [across, along];
    return {
      shape: chance.pick(SHAPES),
      colour: chance.pick(others),
      radius: chance.between(...PAIR_RADIUS),
      x,
      y,
    };
  };
  const things = [thing(chance.between(...PAIR_ALONG)), thing(SIDE - chance.between(...PAIR_ALONG))] as const;
  const [one, two] = things.map(({ shape, colour }) => `${colour} ${shape}`) as [string, string];
  return {
    background,
    things,
    caption: `${article(one)} ${relation} ${article(two)} on ${article(background)} background`,
    isSeen: !isHeldOut(`${one} ${relation} ${two} on ${background}`),
  };
}

const SAMPLES = [1 / 6, 1 / 2, 5 / 6];

/** How much of each pixel a thing covers, 0 to 1. */
function coverOf({ shape, x, y, radius }: DrawnThing): Float32Array {
  const cover = new Float32Array(SIDE * SIDE);
  for (let py = Math.max(0, Math.floor(y - radius)); py < Math.min(SIDE, y + radius); py++)
    for (let px = Math.max(0, Math.floor(x - radius)); px < Math.min(SIDE, x + radius); px++)
      for (const dy of SAMPLES)
        for (const dx of SAMPLES)
          if (isInside(shape, (px + dx - x) / radius, (py + dy - y) / radius))
            cover[py * SIDE + px] = (cover[py * SIDE + px] ?? 0) + SAMPLES.length ** -2;
  return cover;
}

/** The scene as a picture, its outlines smooth. */
export function drawScene({ background, things }: Scene): Rgb8 {
  const picture = Float32Array.from({ length: 3 * SIDE * SIDE }, (_, i) => COLOURS[background][i % 3] ?? 0);
  for (const thing of things) {
    const colour = COLOURS[thing.colour];
    for (const [i, share] of coverOf(thing).entries())
      for (let c = 0; c < 3; c++) {
        const under = picture[3 * i + c] ?? 0;
        picture[3 * i + c] = under + share * ((colour[c] ?? 0) - under);
      }
  }
  return { width: SIDE, height: SIDE, data: bytesOf(picture) };
}

/** Where each thing is to be seen: one byte a pixel, 1 or 0. Later things cover earlier ones. */
export function masksOf({ things }: Scene): readonly Uint8Array[] {
  const covers = things.map(coverOf);
  return covers.map((cover, k) =>
    Uint8Array.from(cover, (share, i) =>
      share > 0.5 && covers.slice(k + 1).every((later) => (later[i] ?? 0) <= 0.5) ? 1 : 0,
    ),
  );
}

/** The picture as a poor camera would have taken it: a little blurred, noisy, and in other light. */
export function worn({ width, height, data }: Rgb8, seed: number): Rgb8 {
  const chance = new Chance(seed);
  const [light, noise] = [chance.between(0.92, 1.08), chance.between(2, 7)];
  const soft = Float32Array.from(data, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    let sum = 0;
    for (let dy = -1; dy <= 1; dy++)
      for (let dx = -1; dx <= 1; dx++) {
        const [px, py] = [Math.min(width - 1, Math.max(0, x + dx)), Math.min(height - 1, Math.max(0, y + dy))];
        sum += data[3 * (py * width + px) + (i % 3)] ?? 0;
      }
    return light * (sum / 9) + noise * chance.normal();
  });
  return { width, height, data: bytesOf(soft) };
}

function bytesOf(values: Float32Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(values, (value) => Math.round(Math.min(255, Math.max(0, value))));
}
