/**
 * The words the starter model knows and what they look like. The same table as `train/shapes.py`, which draws with it;
 * `judge.test.ts` compares the two.
 */

export const COLOURS = {
  red: [220, 30, 40],
  orange: [250, 135, 20],
  yellow: [250, 220, 40],
  green: [30, 160, 60],
  blue: [35, 80, 220],
  purple: [140, 50, 180],
  white: [248, 248, 248],
  black: [16, 16, 16],
} as const satisfies Record<string, readonly [number, number, number]>;

export const SHAPES = ["circle", "square", "triangle", "diamond", "star", "cross"] as const;

/** Half the side of a shape's bounding box, as a share of the picture's side: from, to. */
export const SIZES = {
  small: [28 / 256, 34 / 256],
  medium: [52 / 256, 60 / 256],
  large: [84 / 256, 96 / 256],
} as const satisfies Record<string, readonly [number, number]>;

export type Colour = keyof typeof COLOURS;
export type Shape = (typeof SHAPES)[number];
export type Size = keyof typeof SIZES;
export type Relation = "left of" | "above";

export const COLOUR_NAMES = Object.keys(COLOURS) as readonly Colour[];
export const SIZE_NAMES = Object.keys(SIZES) as readonly Size[];

type Point = readonly [number, number];

const THIRD = 1 / 3;

function starPoint(_: unknown, i: number): Point {
  const radius = i % 2 === 0 ? 1 : 0.42;
  const angle = -Math.PI / 2 + (i * Math.PI) / 5;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

/** Corners in a box from −1 to 1, y down. The circle is the one shape without. */
const OUTLINES: Readonly<Record<Exclude<Shape, "circle">, readonly Point[]>> = {
  square: [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
  ],
  triangle: [
    [0, -1],
    [1, 1],
    [-1, 1],
  ],
  diamond: [
    [0, -1],
    [1, 0],
    [0, 1],
    [-1, 0],
  ],
  star: Array.from({ length: 10 }, starPoint),
  cross: [
    [-THIRD, -1],
    [THIRD, -1],
    [THIRD, -THIRD],
    [1, -THIRD],
    [1, THIRD],
    [THIRD, THIRD],
    [THIRD, 1],
    [-THIRD, 1],
    [-THIRD, THIRD],
    [-1, THIRD],
    [-1, -THIRD],
    [-THIRD, -THIRD],
  ],
};

/** Whether a point of the box from −1 to 1 lies in the shape. */
export function isInside(shape: Shape, x: number, y: number): boolean {
  if (shape === "circle") return x * x + y * y <= 1;
  const outline = OUTLINES[shape];
  let inside = false;
  let [px, py] = outline.at(-1) ?? [0, 0];
  for (const [qx, qy] of outline) {
    if (qy > y !== py > y && x < ((px - qx) * (y - qy)) / (py - qy) + qx) inside = !inside;
    [px, py] = [qx, qy];
  }
  return inside;
}

/** The part of the box the shape really fills: left, top, right, bottom. Only the star leaves some of it empty. */
export function extentOf(shape: Shape): readonly [number, number, number, number] {
  if (shape === "circle") return [-1, -1, 1, 1];
  const xs = OUTLINES[shape].map(([x]) => x);
  const ys = OUTLINES[shape].map(([, y]) => y);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** Area and length of a shape's outline, in units of half its bounding box as it is drawn. */
export function measureOf(shape: Shape): { readonly area: number; readonly perimeter: number } {
  if (shape === "circle") return { area: Math.PI, perimeter: 2 * Math.PI };
  const outline = OUTLINES[shape];
  let [area, perimeter] = [0, 0];
  let [px, py] = outline.at(-1) ?? [0, 0];
  for (const [qx, qy] of outline) {
    area += (px * qy - qx * py) / 2;
    perimeter += Math.hypot(qx - px, qy - py);
    [px, py] = [qx, qy];
  }
  return { area: Math.abs(area), perimeter };
}
