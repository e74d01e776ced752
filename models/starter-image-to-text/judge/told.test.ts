import { parseCaption } from "@rivulet/starter-text-to-image/judge";
import { describe, expect, it } from "vitest";
import { namesSame, understood } from "./told.ts";

describe("what was told of a scene", () => {
  it("is understood with and without a place", () => {
    const plain = parseCaption("a small red circle on a blue background");
    expect(understood("a small red circle on the left on a blue background")).toEqual(plain);
    expect(understood("a small red circle on a blue background")).toEqual(plain);
    expect(understood("a small red red on the")).toBeUndefined();
  });

  it("names the same things when shapes and colours agree, whatever else does not", () => {
    const same = (one: string, two: string) => namesSame(understood(one), understood(two));
    expect(same("a small red circle on a blue background", "a large red circle on a green background")).toBe(true);
    expect(same("a small red circle on a blue background", "a small red square on a blue background")).toBe(false);
    const pair = "a red circle left of a blue star on a white background";
    expect(same(pair, "a blue star right of a red circle on a white background")).toBe(true);
    expect(same(pair, "a red circle above a blue star on a white background")).toBe(false);
    expect(same(pair, "a small red circle on a white background")).toBe(false);
    expect(namesSame(undefined, understood(pair))).toBe(false);
  });
});
