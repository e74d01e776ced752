import { createHash } from "node:crypto";

/** How a text is to be spoken, as far as its description says. */
export interface Manner {
  /** A name that the description mentions. */
  readonly name?: string;
  readonly gender: Gender;
  /** 1 is the model's own speed; more is faster. */
  readonly speed: number;
}

export type Gender = "female" | "male";

/**
 * What a description of a voice asks for. Words about noise, room and pitch change nothing.
 * Source: runner-and-models 1.11, 7.14.
 */
export function mannerOf(description: string): Manner {
  const words = description.match(/\p{L}+/gu) ?? [];
  const named = words.find((word) => NAMES.has(word));
  const spoken = words.map((word) => word.toLowerCase());
  const said = spoken.map((word) => GENDER_WORDS.get(word)).find((gender) => gender !== undefined);
  return {
    ...(named !== undefined && { name: named }),
    gender: (named === undefined ? said : NAMES.get(named)) ?? "male",
    speed: speedOf(spoken),
  };
}

/** One of a model's voices: always the same for the same name, or gender where there is no name. */
export function chosenVoice<V>(voices: readonly V[], { name, gender }: Manner): V | undefined {
  const hash = createHash("sha256")
    .update(name ?? gender)
    .digest();
  return voices[hash.readUInt32BE(0) % Math.max(voices.length, 1)];
}

function speedOf(words: readonly string[]): number {
  for (const [index, word] of words.entries()) {
    const pace = PACES[word];
    const before = words[index - 1] ?? "";
    if (pace !== undefined) return Object.hasOwn(pace, before) ? (pace[before] ?? 1) : (pace["" as string] ?? 1);
  }
  return 1;
}

/** Words for speed, and what the word before makes of them. */
const slow = { "": 0.85, very: 0.7 } as const;
const fast = { "": 1.25, slightly: 1.1, very: 1.4 } as const;
const PACES: Readonly<Record<string, Readonly<Record<string, number>>>> = { slow, slowly: slow, fast, quickly: fast };

const GENDER_WORDS: ReadonlyMap<string, Gender> = new Map([
  ...["female", "woman", "girl", "lady"].map((word) => [word, "female"] as const),
  ...["male", "man", "boy", "gentleman"].map((word) => [word, "male"] as const),
]);

const FEMALE =
  "Laura Lea Karen Brenda Eileen Joy Lauren Rose Naomie Alisa Tina Jenna Carol Barbara Rebecca Anna Emily".split(" ");
const MALE = "Gary Jon Rick David Jordan Mike Yann James Eric Will Jason Aaron Patrick Jerry Bill Tom Bruce".split(" ");
/** The speakers that the network's usual model knows by name. */
const NAMES: ReadonlyMap<string, Gender> = new Map([
  ...FEMALE.map((name) => [name, "female"] as const),
  ...MALE.map((name) => [name, "male"] as const),
]);
