import { join } from "node:path";
import { ModelSettings, readJson } from "../model-settings.ts";

/** Texts as the letters that a VITS model speaks. */
export interface VitsTokenizer {
  /** Empty for a text of which the model knows no letter. */
  encode(text: string): readonly number[];
}

/** Between the letters and at both ends, in models that were trained so. */
const BLANK = 0;

/**
 * The letters in a model's directory. Throws `RangeError` for models that read something else: sounds, or another script
 * written in Latin letters, both of which need programs that are not here.
 */
export async function loadVitsTokenizer(directory: string): Promise<VitsTokenizer> {
  const vocabulary = await readJson(join(directory, "vocab.json"));
  if (vocabulary === undefined) throw new RangeError("the model has no vocab.json");
  const config = await ModelSettings.read(join(directory, "tokenizer_config.json"));
  if (config.boolean("phonemize", false)) throw new RangeError("the model reads phonemes, which are not made here");
  if (config.boolean("is_uroman", false))
    throw new RangeError("the model reads romanised text, which is not made here");
  const ids = new Map(Object.entries(vocabulary).map(([letter, id]) => [letter, Number(id)]));
  if (![...ids.values()].every(Number.isInteger))
    throw new RangeError("vocab.json holds no letters with their numbers");
  const isNormalized = config.boolean("normalize", true);
  const hasBlanks = config.boolean("add_blank", true);
  const unknown = ids.get(config.text("unk_token", ""));
  const isRomanian = config.text("language", "") === "ron";
  return {
    encode(text) {
      const lowered = isNormalized
        ? [...text].map((letter) => (ids.has(letter) ? letter : letter.toLowerCase()))
        : [...text];
      const spelled = [...lowered.join("")].map((letter) => (isRomanian && letter === "ț" ? "ţ" : letter));
      const known = isNormalized
        ? spelled
            .filter((letter) => ids.has(letter))
            .join("")
            .trim()
        : spelled.join("");
      const letters = [...known].map((letter) => ids.get(letter) ?? unknown).filter((id) => id !== undefined);
      if (letters.length === 0 || !hasBlanks) return letters;
      return [BLANK, ...letters.flatMap((id) => [id, BLANK])];
    },
  };
}
