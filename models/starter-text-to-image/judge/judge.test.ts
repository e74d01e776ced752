import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isHeldOut, isRight, judgedCaptions, parseCaption } from "./captions.ts";
import { drawExpectation } from "./draw.ts";
import { judgePixels } from "./judge.ts";
import { COLOURS, SHAPES, SIZES } from "./vocabulary.ts";

const captions = judgedCaptions();
const drawn = captions.map((caption, i) => {
  const picture = drawExpectation(caption.expected, i);
  return { ...caption, picture, verdict: judgePixels(picture) };
});

test("two hundred captions are all different, and half of them were never trained on", () => {
  expect(new Set(captions.map(({ text }) => text)).size).toBe(200);
  expect(captions.filter(({ isSeen }) => isSeen)).toHaveLength(100);
  expect(judgedCaptions()).toEqual(captions);
  expect(isHeldOut("large red circle on blue")).toBe(true);
  expect(isHeldOut("medium black cross on purple")).toBe(false);
});

test("a drawn picture is named as its caption says", () => {
  const wrong = drawn.filter(({ verdict, expected }) => !isRight(verdict, expected));
  expect(wrong.map(({ text, verdict }) => ({ text, verdict }))).toEqual([]);
});

test("a drawn picture is not what another caption says", () => {
  const taken = drawn.filter(({ verdict }, i) => {
    const other = drawn[(i + 7) % drawn.length];
    return other !== undefined && isRight(verdict, other.expected);
  });
  expect(taken.length / drawn.length).toBeLessThan(0.01);
});

test("soft edges and a little noise change nothing", () => {
  const wrong = drawn.filter(({ picture, expected }, i) => !isRight(judgePixels(worn(picture, i)), expected));
  expect(wrong.length / drawn.length).toBeLessThanOrEqual(0.01);
});

test("what is not a shape on a background is unclear", () => {
  const [width, height] = [64, 64];
  const plain = new Uint8Array(width * height * 3).fill(16);
  const grey = new Uint8Array(width * height * 3).fill(128);
  const noise = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7919) % 256);
  for (const data of [plain, grey, noise]) expect(judgePixels({ data, width, height }).kind).toBe("unclear");
});

/** Shapes that have no name here, as a question to each point of the box from −1 to 1. */
const strangers: Readonly<Record<string, (x: number, y: number) => boolean>> = {
  "a ring": (x, y) => x * x + y * y <= 1 && x * x + y * y > 0.3,
  "an L": (x, y) => x < -0.3 || y > 0.3,
  "a T": (x, y) => y < -0.4 || Math.abs(x) < 0.3,
  "a half circle": (x, y) => x * x + y * y <= 1 && y < 0.2,
  "an hourglass": (x, y) => Math.abs(x) <= Math.abs(y),
  "an X": (x, y) => Math.abs(Math.abs(x) - Math.abs(y)) < 0.25,
  "a moon": (x, y) => x * x + y * y <= 1 && (x - 0.5) ** 2 + y * y > 0.7,
  "a heart": (x, y) => (x * x + y * y - 0.4) ** 3 + x * x * y * y * y * 1.5 <= 0,
  "four dots": (x, y) =>
    Math.abs(Math.abs(x) - 0.6) < 0.42 && Math.abs(Math.abs(y) - 0.6) < 0.42 && Math.abs(x * y) > 0.04,
  "a star of four points": (x, y) => Math.sqrt(Math.abs(x)) + Math.sqrt(Math.abs(y)) <= 1,
  "an arrow": (x, y) => (y < 0 && Math.abs(x) <= y + 1) || (y >= 0 && Math.abs(x) < 0.3),
};

test.each(Object.entries(strangers))("%s is none of the shapes", (_, isInside) => {
  for (const radius of [30, 56, 90]) {
    const data = new Uint8Array(256 * 256 * 3).fill(248);
    for (let y = 0; y < 256; y++)
      for (let x = 0; x < 256; x++) {
        const [u, v] = [(x + 0.5 - 128) / radius, (y + 0.5 - 128) / radius];
        if (Math.abs(u) <= 1 && Math.abs(v) <= 1 && isInside(u, v)) data.set([35, 80, 220], 3 * (y * 256 + x));
      }
    expect(judgePixels({ data, width: 256, height: 256 }).kind).toBe("unclear");
  }
});

test("a caption may leave out size and background, and name the relation from either side", () => {
  expect(parseCaption("a red circle")).toEqual({ kind: "single", colour: "red", shape: "circle" });
  expect(parseCaption("An orange star right of a blue cross on a white background")).toEqual(
    parseCaption("a blue cross left of an orange star on a white background"),
  );
  expect(() => parseCaption("a photo of a cat")).toThrow(RangeError);
});

test("the judge and the script that draws for training know the same words", () => {
  const script = readFileSync(new URL("../train/shapes.py", import.meta.url), "utf8");
  for (const [name, [r, g, b]] of Object.entries(COLOURS)) expect(script).toContain(`"${name}": (${r}, ${g}, ${b})`);
  expect(script).toContain(`SHAPES = (${SHAPES.map((name) => `"${name}"`).join(", ")})`);
  for (const [name, [from, to]] of Object.entries(SIZES)) {
    expect(script).toContain(`"${name}": (${from * 256}, ${to * 256})`);
  }
});

/** The picture through a three-by-three blur, with up to six levels of noise. */
function worn({ data, width, height }: ReturnType<typeof drawExpectation>, seed: number) {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (const dy of [-1, 0, 1]) {
          for (const dx of [-1, 0, 1]) {
            const [px, py] = [Math.min(Math.max(x + dx, 0), width - 1), Math.min(Math.max(y + dy, 0), height - 1)];
            sum += data[3 * (py * width + px) + c] ?? 0;
          }
        }
        const noise = (((x * 73 + y * 179 + c * 283 + seed * 31) * 2654435761) % 13) - 6;
        out[3 * (y * width + x) + c] = Math.min(255, Math.max(0, Math.round(sum / 9) + noise));
      }
    }
  }
  return { data: out, width, height };
}
