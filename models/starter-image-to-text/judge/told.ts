import { type Expectation, parseCaption } from "@rivulet/starter-text-to-image/judge";

const PLACE = / (?:on the left|on the right|at the top|at the bottom)(?= on an? )/;

/** What a caption says, places aside; undefined when it says nothing that makes sense. */
export function understood(caption: string): Expectation | undefined {
  try {
    return parseCaption(caption.replace(PLACE, ""));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Whether both name the same shapes in the same colours, and of two things the same one first. */
export function namesSame(told: Expectation | undefined, meant: Expectation | undefined): boolean {
  if (told === undefined || meant === undefined) return false;
  if (told.kind === "single") return meant.kind === "single" && isAlike(told, meant);
  return (
    meant.kind === "pair" &&
    told.relation === meant.relation &&
    isAlike(told.first, meant.first) &&
    isAlike(told.second, meant.second)
  );
}

type Named = Pick<Extract<Expectation, { kind: "single" }>, "shape" | "colour">;

const isAlike = (a: Named, b: Named) => a.shape === b.shape && a.colour === b.colour;
