import { expect, test } from "vitest";
import { outline } from "./outline.ts";

test("a mask is drawn as the stretches of its rows, at its own size", () => {
  const svg = outline([
    [
      [0, 1, 1, 0],
      [true, false, true, true],
    ],
    [[1, 1, 1, 1]],
  ]);
  expect(svg).toContain('viewBox="0 0 4 2"');
  expect(svg).toContain('d="M1 0h2v1H1zM0 1h1v1H0zM2 1h2v1H2z"');
});

test.for([undefined, null, 7, "masks", [], [[]], [[[]]], [[["x", null]]]])("%j draws nothing", (masks) => {
  expect(outline(masks)).toContain('d=""');
});
