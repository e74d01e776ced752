import { isRight, judgePixels, parseCaption } from "@rivulet/starter-text-to-image/judge";
import { describe, expect, it } from "vitest";
import { drawnScenes, drawScene, masksOf, worn } from "./scenes.ts";

/** Places are judged elsewhere. */
const PLACE = / (?:on the left|on the right|at the top|at the bottom)(?= on an? )/;
const scenes = drawnScenes(12);

describe("scenes", () => {
  it("show what their captions say, by the judge that is not a model", () => {
    const wrong = scenes.filter((scene) => {
      const expected = parseCaption(scene.caption.replace(PLACE, ""));
      return !isRight(judgePixels(drawScene(scene)), expected);
    });
    expect(wrong.map(({ caption }) => caption)).toEqual([]);
  });

  it("are the same for everyone, half of them of combinations that are held out", () => {
    expect(drawnScenes(12)).toEqual(scenes);
    expect(scenes.filter(({ isSeen }) => isSeen)).toHaveLength(6);
  });

  it("have a mask for each thing, and masks share no pixel", () => {
    for (const scene of scenes) {
      const masks = masksOf(scene);
      expect(masks).toHaveLength(scene.things.length);
      const [one, two] = masks;
      expect([...(one ?? [])].some((bit, i) => bit + (two?.[i] ?? 0) > 1)).toBe(false);
      for (const [k, { radius }] of scene.things.entries()) {
        const share = [...(masks[k] ?? [])].reduce((sum, bit) => sum + bit, 0) / (4 * radius ** 2);
        expect(share).toBeGreaterThan(0.25);
        expect(share).toBeLessThan(1.02);
      }
    }
  });

  it("stay what they are when worn", () => {
    const [scene] = scenes;
    if (scene === undefined) throw new RangeError("no scene");
    const picture = drawScene(scene);
    const other = worn(picture, 1);
    const off = other.data.reduce((sum, value, i) => sum + Math.abs(value - (picture.data[i] ?? 0)), 0);
    expect(off / other.data.length).toBeGreaterThan(1);
    expect(off / other.data.length).toBeLessThan(20);
  });
});
