/**
 * Says what a picture shows, from its pixels alone: no model, no caption. Colours are the nearest of a table, shapes are
 * compared with their outlines, and what fits nothing well is `unclear` with the reason.
 */
import {
  COLOUR_NAMES,
  COLOURS,
  type Colour,
  extentOf,
  isInside,
  measureOf,
  type Relation,
  SHAPES,
  type Shape,
  SIZE_NAMES,
  SIZES,
  type Size,
} from "./vocabulary.ts";

/** Eight-bit RGB, row by row, without padding. */
export interface Picture {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface Thing {
  readonly shape: Shape;
  readonly colour: Colour;
  /** Half the side of the box it was drawn in, as a share of the picture's shorter side. */
  readonly radius: number;
  /** Middle of the bounding box, as shares of width and height. */
  readonly x: number;
  readonly y: number;
}

/** What a picture shows. In a scene of two, `first` is the left or the upper one. */
export type Verdict =
  | ({ readonly kind: "single"; readonly size: Size; readonly background: Colour } & Thing)
  | {
      readonly kind: "pair";
      readonly first: Thing;
      readonly relation: Relation;
      readonly second: Thing;
      readonly background: Colour;
    }
  | { readonly kind: "unclear"; readonly reason: string };

/** Squared distance in RGB beyond which a pixel has no name. A third of the way between the closest two colours. */
const NAMED_WITHIN = 45 ** 2;
/** The frame of a picture, two pixels wide, is background; this much of it must agree. */
const FRAME_AGREES = 0.9;
/** Specks below this share of the picture are dirt, which is ignored until there is this much of it in all. */
const SPECK = 0.002;
const DIRT = 0.006;
const COLOUR_AGREES = 0.8;
/**
 * How far an outline may lie beside the shape's, on average, as a share of the shape's width. The same for every shape:
 * a star has three times as much outline for its area as a square, so one bound on the overlap would ask three times as
 * much of it. For a square it is an overlap of 87 %, for a star 69 %.
 */
const ASIDE = 0.035;
const OVERLAP_MARGIN = 0.04;
const ASPECT = 1.25;
/** How far beyond a size's range a shape may be and still be called that, as a share of the picture's side. */
const SIZE_SLACK = 9 / 256;

class Unclear extends Error {}

const CHANNELS = COLOUR_NAMES.flatMap((name) => COLOURS[name]);

function nameOf(r: number, g: number, b: number): number {
  let best = -1;
  let nearest = NAMED_WITHIN;
  for (let i = 0; i < COLOUR_NAMES.length; i++) {
    const [dr, dg, db] = [r - (CHANNELS[3 * i] ?? 0), g - (CHANNELS[3 * i + 1] ?? 0), b - (CHANNELS[3 * i + 2] ?? 0)];
    const distance = dr * dr + dg * dg + db * db;
    if (distance < nearest) {
      nearest = distance;
      best = i;
    }
  }
  return best;
}

/** The commonest name among `indices`, which must be that of at least `share` of them. */
function agreedName(names: Int8Array, indices: Iterable<number>, share: number, what: string): number {
  const counts = new Map<number, number>();
  let total = 0;
  for (const i of indices) {
    const name = names[i] ?? -1;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    total++;
  }
  const [name, count] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), [-1, 0]);
  if (name < 0 || count < share * total) throw new Unclear(`${what} is not of one known colour`);
  return name;
}

function* frameOf(width: number, height: number): Generator<number> {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (x < 2 || y < 2 || x >= width - 2 || y >= height - 2) yield y * width + x;
    }
  }
}

/** Groups of touching pixels (sides or corners) that are not background. */
function componentsOf(names: Int8Array, background: number, width: number, height: number): number[][] {
  const seen = new Uint8Array(names.length);
  const found: number[][] = [];
  for (let start = 0; start < names.length; start++) {
    if (seen[start] === 1 || names[start] === background) continue;
    const group = [start];
    seen[start] = 1;
    for (let at = 0; at < group.length; at++) {
      const i = group[at] ?? 0;
      const [x, y] = [i % width, Math.floor(i / width)];
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const j = ny * width + nx;
          if (seen[j] === 1 || names[j] === background) continue;
          seen[j] = 1;
          group.push(j);
        }
      }
    }
    found.push(group);
  }
  return found;
}

/** Pixels two steps inside the group: away from the edge, where colours mix. */
function innerOf(group: readonly number[], names: Int8Array, width: number): number[] {
  const members = new Uint8Array(names.length);
  for (const i of group) members[i] = 1;
  let inner = [...group];
  for (let round = 0; round < 2; round++) {
    const kept = inner.filter((i) => members[i - 1] && members[i + 1] && members[i - width] && members[i + width]);
    for (const i of inner) members[i] = 0;
    for (const i of kept) members[i] = 1;
    inner = kept;
  }
  return inner;
}

interface Mask {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  has(x: number, y: number): boolean;
}

/** The pixels of a group that are nearer to its colour than to the background's, so that soft edges end half way. */
function maskOf(picture: Picture, group: readonly number[], colour: Colour, background: Colour): Mask {
  const [to, from] = [COLOURS[colour], COLOURS[background]];
  const axis = [to[0] - from[0], to[1] - from[1], to[2] - from[2]] as const;
  const half = (axis[0] ** 2 + axis[1] ** 2 + axis[2] ** 2) / 2;
  const members = new Uint8Array(picture.width * picture.height);
  let [left, top, right, bottom] = [picture.width, picture.height, -1, -1];
  for (const i of group) {
    const [r, g, b] = [picture.data[3 * i] ?? 0, picture.data[3 * i + 1] ?? 0, picture.data[3 * i + 2] ?? 0];
    if ((r - from[0]) * axis[0] + (g - from[1]) * axis[1] + (b - from[2]) * axis[2] < half) continue;
    members[i] = 1;
    const [x, y] = [i % picture.width, Math.floor(i / picture.width)];
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
  }
  return {
    left,
    top,
    width: right - left + 1,
    height: bottom - top + 1,
    has: (x, y) => members[y * picture.width + x] === 1,
  };
}

/** Area in common over area in either, with the outline stretched to the mask's bounding box. */
function overlapWith(mask: Mask, shape: Shape): number {
  const [x0, y0, x1, y1] = extentOf(shape);
  let [both, either] = [0, 0];
  for (let y = 0; y < mask.height; y++) {
    for (let x = 0; x < mask.width; x++) {
      const wanted = isInside(
        shape,
        x0 + ((x + 0.5) / mask.width) * (x1 - x0),
        y0 + ((y + 0.5) / mask.height) * (y1 - y0),
      );
      const there = mask.has(mask.left + x, mask.top + y);
      if (wanted && there) both++;
      if (wanted || there) either++;
    }
  }
  return both / either;
}

/** The overlap of a shape with itself when its outline lies aside by as much as is allowed. */
function leastOverlap(shape: Shape): number {
  const { area, perimeter } = measureOf(shape);
  const beside = 2 * ASIDE * perimeter;
  return 1 - beside / (area + beside / 2);
}

function shapeOf(mask: Mask): Shape {
  const aspect = mask.width / mask.height;
  if (aspect > ASPECT || aspect < 1 / ASPECT) throw new Unclear("a shape is stretched");
  const ranked = SHAPES.map((shape) => ({ shape, overlap: overlapWith(mask, shape) })).sort(
    (a, b) => b.overlap - a.overlap,
  );
  const [best, next] = ranked;
  if (best === undefined || next === undefined || best.overlap < leastOverlap(best.shape))
    throw new Unclear("a shape has no name");
  if (best.overlap - next.overlap < OVERLAP_MARGIN) throw new Unclear(`${best.shape} or ${next.shape}?`);
  return best.shape;
}

function radiusOf(mask: Mask, shape: Shape, side: number): number {
  const [x0, y0, x1, y1] = extentOf(shape);
  return (mask.width / (x1 - x0) + mask.height / (y1 - y0)) / 2 / side;
}

function sizeOf({ radius }: Thing): Size {
  const size = SIZE_NAMES.find((name) => radius > SIZES[name][0] - SIZE_SLACK && radius < SIZES[name][1] + SIZE_SLACK);
  if (size === undefined) throw new Unclear("a shape is between sizes");
  return size;
}

function thingOf(picture: Picture, names: Int8Array, group: readonly number[], background: Colour): Thing {
  const inner = innerOf(group, names, picture.width);
  const colour = COLOUR_NAMES[agreedName(names, inner, COLOUR_AGREES, "a shape")] as Colour;
  if (colour === background) throw new Unclear("a shape is of the background's colour");
  const mask = maskOf(picture, group, colour, background);
  const shape = shapeOf(mask);
  return {
    shape,
    colour,
    radius: radiusOf(mask, shape, Math.min(picture.width, picture.height)),
    x: (mask.left + mask.width / 2) / picture.width,
    y: (mask.top + mask.height / 2) / picture.height,
  };
}

function verdictOn(picture: Picture): Verdict {
  const { data, width, height } = picture;
  if (data.length !== width * height * 3) throw new RangeError(`not an RGB picture of ${width} × ${height}`);
  const names = new Int8Array(width * height);
  for (let i = 0; i < names.length; i++) {
    names[i] = nameOf(data[3 * i] ?? 0, data[3 * i + 1] ?? 0, data[3 * i + 2] ?? 0);
  }
  const ground = agreedName(names, frameOf(width, height), FRAME_AGREES, "the background");
  const background = COLOUR_NAMES[ground] as Colour;
  const groups = componentsOf(names, ground, width, height);
  const large = groups.filter((group) => group.length >= SPECK * names.length);
  const dirt = groups.reduce((sum, group) => sum + group.length, 0) - large.reduce((sum, g) => sum + g.length, 0);
  if (dirt > DIRT * names.length) throw new Unclear("the picture is full of specks");
  if (large.length > 2) throw new Unclear(`${large.length} shapes`);
  const [one, two] = large.map((group) => thingOf(picture, names, group, background));
  if (one === undefined) throw new Unclear("nothing on the background");
  if (two === undefined) return { kind: "single", size: sizeOf(one), background, ...one };
  const [dx, dy] = [Math.abs(two.x - one.x), Math.abs(two.y - one.y)];
  const relation: Relation = dx > dy ? "left of" : "above";
  const isInOrder = dx > dy ? one.x < two.x : one.y < two.y;
  const [first, second] = isInOrder ? [one, two] : [two, one];
  return { kind: "pair", first, relation, second, background };
}

/** What the picture shows. A picture of anything else than the starter model's world is `unclear`, never an error. */
export function judgePixels(picture: Picture): Verdict {
  try {
    return verdictOn(picture);
  } catch (error) {
    if (error instanceof Unclear) return { kind: "unclear", reason: error.message };
    throw error;
  }
}
