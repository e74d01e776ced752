import type { Rgb8 } from "@rivulet/media";
import { judgePixels, type Verdict } from "@rivulet/starter-text-to-image/judge";
import type { Scene } from "./scenes.ts";

/** The things that a verdict names, left or upper one first; none when the picture is unclear. */
export function thingsIn(verdict: Verdict) {
  if (verdict.kind === "unclear") return [];
  return verdict.kind === "single" ? [verdict] : [verdict.first, verdict.second];
}

/** Whether a picture shows a scene's things and nothing else: as many, each its shape and colour, on the same background. */
export function shows(picture: Rgb8, { background, things }: Scene): boolean {
  const verdict = judgePixels(picture);
  const named = thingsIn(verdict);
  return (
    verdict.kind !== "unclear" &&
    verdict.background === background &&
    named.length === things.length &&
    things.every(({ shape, colour }, i) => named[i]?.shape === shape && named[i]?.colour === colour)
  );
}
