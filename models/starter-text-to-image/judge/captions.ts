/** The captions that the model is judged by, and what each asks for. */
import { createHash } from "node:crypto";
import type { Verdict } from "./judge.ts";
import { COLOUR_NAMES, type Colour, type Relation, SHAPES, type Shape, SIZE_NAMES, type Size } from "./vocabulary.ts";

/** What a caption asks for. What it does not mention is absent, and then anything is right. */
export type Expectation =
  | {
      readonly kind: "single";
      readonly shape: Shape;
      readonly colour: Colour;
      readonly size?: Size;
      readonly background?: Colour;
    }
  | {
      readonly kind: "pair";
      readonly first: { readonly shape: Shape; readonly colour: Colour };
      readonly relation: Relation;
      readonly second: { readonly shape: Shape; readonly colour: Colour };
      readonly background?: Colour;
    };

export interface JudgedCaption {
  readonly text: string;
  readonly expected: Expectation;
  /** Whether training could have drawn this combination. */
  readonly isSeen: boolean;
}

const HELD_OUT_PERCENT = 25;

/** The rule by which `train/shapes.py` leaves combinations out: the first four bytes of SHA-256, modulo 100. */
export function isHeldOut(key: string): boolean {
  return createHash("sha256").update(key).digest().readUInt32BE(0) % 100 < HELD_OUT_PERCENT;
}

const COLOUR = `(?<colour>${COLOUR_NAMES.join("|")})`;
const SHAPE = `(?<shape>${SHAPES.join("|")})`;
const ONE = new RegExp(`^an? (?:(?<size>${SIZE_NAMES.join("|")}) )?${COLOUR} ${SHAPE}$`);
const GROUND = new RegExp(`^(?<scene>.*) on an? ${COLOUR} background$`);
const RELATION = /^(?<one>.*) (?<relation>left of|right of|above|below) (?<two>.*)$/;

function parseThing(text: string): { shape: Shape; colour: Colour; size?: Size } {
  const found = ONE.exec(text)?.groups;
  if (found === undefined) throw new RangeError(`not a caption this judge understands: "${text}"`);
  const size = SIZE_NAMES.find((name) => name === found["size"]);
  return {
    shape: found["shape"] as Shape,
    colour: found["colour"] as Colour,
    ...(size === undefined ? {} : { size }),
  };
}

/** Reads the plain form: `a large red circle on a blue background`, `a red circle left of a blue square`. */
export function parseCaption(text: string): Expectation {
  const ground = GROUND.exec(text.trim().toLowerCase())?.groups;
  const scene = ground?.["scene"] ?? text.trim().toLowerCase();
  const background = ground === undefined ? {} : { background: ground["colour"] as Colour };
  const related = RELATION.exec(scene)?.groups;
  if (related === undefined) return { kind: "single", ...parseThing(scene), ...background };
  const [one, two] = [parseThing(related["one"] ?? ""), parseThing(related["two"] ?? "")];
  const isInverse = related["relation"] === "right of" || related["relation"] === "below";
  const relation: Relation =
    related["relation"] === "left of" || related["relation"] === "right of" ? "left of" : "above";
  const [first, second] = isInverse ? [two, one] : [one, two];
  return { kind: "pair", first, relation, second, ...background };
}

/** Whether the picture the verdict is about shows everything the caption names. */
export function isRight(verdict: Verdict, expected: Expectation): boolean {
  if (verdict.kind === "unclear" || verdict.kind !== expected.kind) return false;
  if (expected.background !== undefined && expected.background !== verdict.background) return false;
  const isSame = (a: { shape: Shape; colour: Colour }, b: { shape: Shape; colour: Colour }) =>
    a.shape === b.shape && a.colour === b.colour;
  if (expected.kind === "single") {
    if (verdict.kind !== "single") return false;
    return isSame(verdict, expected) && (expected.size === undefined || expected.size === verdict.size);
  }
  if (verdict.kind !== "pair") return false;
  return (
    verdict.relation === expected.relation &&
    isSame(verdict.first, expected.first) &&
    isSame(verdict.second, expected.second)
  );
}

/** A short deterministic generator (mulberry32): the captions must be the same for everyone. */
function chance(seed: number): <T>(from: readonly T[]) => T {
  let state = seed >>> 0;
  return (from) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    const share = ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    return from[Math.floor(share * from.length)] as (typeof from)[number];
  };
}

const article = (word: string) => (word.startsWith("o") ? `an ${word}` : `a ${word}`);

function singleCaption(pick: ReturnType<typeof chance>): { text: string; key: string } {
  const background = pick(COLOUR_NAMES);
  const colour = pick(COLOUR_NAMES.filter((name) => name !== background));
  const [size, shape] = [pick(SIZE_NAMES), pick(SHAPES)];
  return {
    text: `a ${size} ${colour} ${shape} on ${article(background)} background`,
    key: `${size} ${colour} ${shape} on ${background}`,
  };
}

function pairCaption(pick: ReturnType<typeof chance>): { text: string; key: string } {
  const background = pick(COLOUR_NAMES);
  const others = COLOUR_NAMES.filter((name) => name !== background);
  const [one, two] = [`${pick(others)} ${pick(SHAPES)}`, `${pick(others)} ${pick(SHAPES)}`];
  const relation = pick(["left of", "above"]);
  return {
    text: `${article(one)} ${relation} ${article(two)} on ${article(background)} background`,
    key: `${one} ${relation} ${two} on ${background}`,
  };
}

/** One caption in five is of two things. */
const PAIR_EVERY = 5;

/**
 * The same `count` captions for everyone, all different: alternately one that training may have drawn and one that it
 * never has.
 */
export function judgedCaptions(count = 200, seed = 2026): readonly JudgedCaption[] {
  const pick = chance(seed);
  const captions = new Map<string, JudgedCaption>();
  while (captions.size < count) {
    const isSeen = captions.size % 2 === 0;
    const isPair = Math.floor(captions.size / 2) % PAIR_EVERY === PAIR_EVERY - 1;
    const { text, key } = isPair ? pairCaption(pick) : singleCaption(pick);
    if (isHeldOut(key) === isSeen || captions.has(text)) continue;
    captions.set(text, { text, expected: parseCaption(text), isSeen });
  }
  return [...captions.values()];
}
