/**
 * How well the same weights change a picture: scenes are drawn by code, another colour or another shape is asked for,
 * and the judge names what came of it.
 */
import { encodePng, type Rgb8 } from "@rivulet/media";
import { type CheckOptions, type CheckResult, median, type StarterCheck, share } from "../check/starter-check.ts";
import { picturesOf, Studio } from "../check/studio.ts";
import { type Expectation, isRight, judgedCaptions } from "./judge/captions.ts";
import { drawExpectation } from "./judge/draw.ts";
import { judgePixels, type Verdict } from "./judge/judge.ts";
import { COLOUR_NAMES, SHAPES } from "./judge/vocabulary.ts";

const PIPELINE = "image-to-image";
const CASES = 60;
/** A thing stands where it stood when its middle has moved by no more than this share of the picture. */
const SAME_PLACE = 0.06;

type Single = Extract<Expectation, { readonly kind: "single" }>;

interface Edit {
  readonly prompt: string;
  readonly before: Single;
  readonly wanted: Single;
}

interface Made {
  readonly edit: Edit;
  readonly drawn: Rgb8;
  readonly picture: Rgb8;
  readonly verdict: Verdict;
  readonly isRight: boolean;
  readonly isThere: boolean;
  readonly tookMs: number;
}

/** Alternately another colour and another shape; all else stays as it is. */
function edits(count: number): readonly Edit[] {
  const singles = judgedCaptions(2 * count).flatMap(({ expected }) => (expected.kind === "single" ? [expected] : []));
  return singles.slice(0, count).map((before, i) => {
    const wanted: Single =
      i % 2 === 0
        ? { ...before, colour: other(COLOUR_NAMES, [before.colour, before.background], i) }
        : { ...before, shape: other(SHAPES, [before.shape], i) };
    return { prompt: captionOf(wanted), before, wanted };
  });
}

function other<T>(from: readonly T[], but: readonly (T | undefined)[], i: number): T {
  const left = from.filter((each) => !but.includes(each));
  return left[i % left.length] as T;
}

function captionOf({ size, colour, shape, background }: Single): string {
  return `a ${size} ${colour} ${shape} on ${background?.startsWith("o") ? "an" : "a"} ${background} background`;
}

function isInPlace(now: Verdict, before: Verdict): boolean {
  return (
    now.kind === "single" && before.kind === "single" && Math.hypot(now.x - before.x, now.y - before.y) <= SAME_PLACE
  );
}

async function run({ cases = CASES, flags, onProgress, signal }: CheckOptions): Promise<CheckResult> {
  await using studio = await Studio.openStarter(import.meta.url);
  const strength = flags?.has("strength") ? { strength: Number(flags.get("strength")) } : {};
  const made: Made[] = [];
  for (const [i, edit] of edits(cases).entries()) {
    const drawn = drawExpectation(edit.before, i + 1);
    const body = { prompt: edit.prompt, seed: i, ...strength };
    const files = { image: await encodePng(drawn) };
    const { response, timings } = await studio.run(PIPELINE, body, { files, signal });
    const [picture] = await picturesOf(response);
    if (picture === undefined) throw new RangeError("the answer has no picture");
    const verdict = judgePixels(picture);
    made.push({
      edit,
      drawn,
      picture,
      verdict,
      isRight: isRight(verdict, edit.wanted),
      isThere: isInPlace(verdict, judgePixels(drawn)),
      tookMs: timings.inferenceMs,
    });
    if (i % 10 === 9) onProgress(`${i + 1} of ${cases}`);
  }
  const half = (parity: number) =>
    share(
      made.filter((_, i) => i % 2 === parity),
      (each) => each.isRight,
    );
  return {
    figures: [
      {
        name: `right, of ${made.length} edits`,
        value: share(made, (each) => each.isRight),
        unit: "share",
        goal: { atLeast: 0.8 },
      },
      { name: "  another colour", value: half(0), unit: "share" },
      { name: "  another shape", value: half(1), unit: "share" },
      { name: "still what it was", value: share(made, unchanged), unit: "share", goal: { atMost: 0.05 } },
      { name: "the thing stands where it stood", value: share(made, ({ isThere }) => isThere), unit: "share" },
      { name: "median time of a picture", value: median(made.map(({ tookMs }) => tookMs)), unit: "ms" },
    ],
    tiles: made.flatMap(({ drawn, picture, isRight }) => [
      { picture: drawn, isRight: true },
      { picture, isRight },
    ]),
    wrong: made
      .filter((each) => !each.isRight)
      .map(
        ({ edit, verdict }) =>
          `${edit.prompt}: ${verdict.kind === "unclear" ? verdict.reason : JSON.stringify(verdict)}`,
      ),
  };
}

/** Whether the picture is still right for what was there before. */
function unchanged({ verdict, edit }: Made): boolean {
  return isRight(verdict, edit.before);
}

export const editsCheck: StarterCheck = { pipeline: PIPELINE, flags: ["strength"], run };
