import { encodePng, type Rgb8 } from "@rivulet/media";
import type { Tile } from "./starter-check.ts";

/** The tiles of one pipeline, under its name. */
export interface Band {
  readonly title: string;
  readonly tiles: readonly Tile[];
}

const TILE = 128;
const FRAME = 4;
const COLUMNS = 16;
const TITLE_HEIGHT = 32;
const RIGHT = [0, 150, 0] as const;
const WRONG = [255, 0, 0] as const;
const INK = [40, 40, 40] as const;

/** All pictures in one, band under band: framed in green when right, in red when wrong. Bands without tiles are left out. */
export function contactSheet(bands: readonly Band[]): Promise<Uint8Array> {
  const shown = bands.filter(({ tiles }) => tiles.length > 0);
  const sheet = new Sheet(COLUMNS * TILE, Math.max(1, sum(shown.map(heightOf))));
  let top = 0;
  for (const band of shown) {
    sheet.write(band.title, FRAME * 2, top + (TITLE_HEIGHT - GLYPH_HEIGHT * DOT) / 2);
    for (const [i, { picture, isRight }] of band.tiles.entries()) {
      const [left, below] = [(i % COLUMNS) * TILE, top + TITLE_HEIGHT + Math.floor(i / COLUMNS) * TILE];
      sheet.fill(left, below, TILE, TILE, isRight ? RIGHT : WRONG);
      sheet.show(picture, left + FRAME, below + FRAME, TILE - 2 * FRAME);
    }
    top += heightOf(band);
  }
  return encodePng(sheet);
}

const heightOf = ({ tiles }: Band) => TITLE_HEIGHT + Math.ceil(tiles.length / COLUMNS) * TILE;
const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);

class Sheet implements Rgb8 {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.data = new Uint8Array(width * height * 3).fill(255);
  }

  fill(left: number, top: number, width: number, height: number, colour: readonly number[]): void {
    for (let y = top; y < top + height; y++)
      for (let x = left; x < left + width; x++) this.data.set(colour, 3 * (y * this.width + x));
  }

  /** A picture inside a square, whole and in its proportions, sampled at the nearest pixel. */
  show(picture: Rgb8, left: number, top: number, side: number): void {
    const scale = side / Math.max(picture.width, picture.height);
    const [width, height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
    for (let y = 0; y < height; y++) {
      const row = Math.floor((y * picture.height) / height) * picture.width;
      for (let x = 0; x < width; x++) {
        const source = 3 * (row + Math.floor((x * picture.width) / width));
        const target = 3 * ((top + y) * this.width + left + x);
        this.data.set(picture.data.subarray(source, source + 3), target);
      }
    }
  }

  write(text: string, left: number, top: number): void {
    for (const [i, letter] of [...text].entries()) {
      const rows = GLYPHS[letter] ?? "";
      for (const [at, dot] of [...rows].entries()) {
        const x = left + (i * (GLYPH_WIDTH + 1) + (at % GLYPH_WIDTH)) * DOT;
        if (dot === "#") this.fill(x, top + Math.floor(at / GLYPH_WIDTH) * DOT, DOT, DOT, INK);
      }
    }
  }
}

const DOT = 4;
const GLYPH_WIDTH = 3;
const GLYPH_HEIGHT = 5;

/** What names of pipelines are written with, row by row. */
const GLYPHS: Readonly<Record<string, string>> = {
  a: ".#.#.#####.##.#",
  b: "##.#.###.#.###.",
  c: ".###..#..#...##",
  d: "##.#.##.##.###.",
  e: "####..##.#..###",
  f: "####..##.#..#..",
  g: ".###..#.##.#.##",
  h: "#.##.#####.##.#",
  i: "###.#..#..#.###",
  j: "..#..#..##.#.#.",
  k: "#.##.###.#.##.#",
  l: "#..#..#..#..###",
  m: "#.########.##.#",
  n: "##.#.##.##.##.#",
  o: ".#.#.##.##.#.#.",
  p: "##.#.###.#..#..",
  q: ".#.#.##.#.#...#",
  r: "##.#.###.#.##.#",
  s: ".###...#...###.",
  t: "###.#..#..#..#.",
  u: "#.##.##.##.####",
  v: "#.##.##.##.#.#.",
  w: "#.##.########.#",
  x: "#.##.#.#.#.##.#",
  y: "#.##.#.#..#..#.",
  z: "###..#.#.#..###",
  2: "##...#.#.#..###",
  "-": "......###......",
};
