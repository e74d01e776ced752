import { decodeImage } from "@rivulet/media";
import { judgePixels, type Verdict } from "./judge.ts";

export { type Expectation, isHeldOut, isRight, type JudgedCaption, judgedCaptions, parseCaption } from "./captions.ts";
export { judgePixels, type Picture, type Thing, type Verdict } from "./judge.ts";
export {
  COLOUR_NAMES,
  COLOURS,
  type Colour,
  isInside,
  type Relation,
  SHAPES,
  type Shape,
  SIZE_NAMES,
  SIZES,
  type Size,
} from "./vocabulary.ts";

/** What an encoded picture (PNG, JPEG, …) shows. Throws as `decodeImage` does for bytes that are no picture. */
export async function judge(bytes: Uint8Array): Promise<Verdict> {
  return judgePixels(await decodeImage(bytes));
}
