/** Draws what a caption asks for, so that the judge can be judged. The model's own pictures are drawn by `train/shapes.py`. */
import type { Expectation } from "./captions.ts";
import type { Picture } from "./judge.ts";
import { COLOURS, type Colour, isInside, type Shape, SIZES } from "./vocabulary.ts";

const SIDE = 256;
const SAMPLES = [1 / 6, 1 / 2, 5 / 6];

/** A picture of what is expected; `variant` moves and scales it within what is allowed. */
export function drawExpectation(expected: Expectation, variant: number): Picture {
  const at = (step: number) => ((variant * step) % 97) / 96; // 0…1, different for each use
  const background = expected.background ?? "white";
  const data = new Uint8Array(SIDE * SIDE * 3);
  for (let i = 0; i < SIDE * SIDE; i++) data.set(COLOURS[background], 3 * i);
  if (expected.kind === "single") {
    const [from, to] = SIZES[expected.size ?? "medium"];
    const radius = (from + at(13) * (to - from)) * SIDE;
    const room = Math.min(SIDE / 2 - 6 - radius, 56);
    const x = SIDE / 2 + (2 * at(29) - 1) * room;
    const y = SIDE / 2 + (2 * at(41) - 1) * room;
    drawThing(data, expected.shape, expected.colour, x, y, radius);
  } else {
    const things = [
      { ...expected.first, along: 54 + 16 * at(13), across: SIDE / 2 + 60 * at(29) - 30, radius: 38 + 10 * at(41) },
      { ...expected.second, along: 202 - 16 * at(17), across: SIDE / 2 + 60 * at(31) - 30, radius: 38 + 10 * at(43) },
    ];
    for (const { shape, colour, along, across, radius } of things) {
      const [x, y] = expected.relation === "left of" ? [along, across] : [across, along];
      drawThing(data, shape, colour, x, y, radius);
    }
  }
  return { data, width: SIDE, height: SIDE };
}

function drawThing(data: Uint8Array, shape: Shape, colour: Colour, x: number, y: number, radius: number): void {
  for (let py = Math.floor(y - radius); py <= y + radius; py++) {
    for (let px = Math.floor(x - radius); px <= x + radius; px++) {
      let cover = 0;
      for (const dy of SAMPLES) {
        for (const dx of SAMPLES) {
          if (isInside(shape, (px + dx - x) / radius, (py + dy - y) / radius)) cover += 1 / 9;
        }
      }
      for (let c = 0; c < 3; c++) {
        const i = 3 * (py * SIDE + px) + c;
        const under = data[i] ?? 0;
        data[i] = Math.round(under + cover * ((COLOURS[colour][c] ?? 0) - under));
      }
    }
  }
}
