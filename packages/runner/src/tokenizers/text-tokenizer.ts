import { readTokenizer } from "./tokenizer-file.ts";

/** Texts as token ids, and ids as text. */
export interface TextTokenizer {
  /** Without ids that mark where a text begins or ends. */
  encode(text: string): readonly number[];
  /** With those the model was trained with. */
  encodeWhole(text: string): readonly number[];
  decode(ids: readonly number[]): string;
}

/** The tokenizer in a model's directory. Throws `RangeError` where there is none. */
export async function loadTextTokenizer(directory: string): Promise<TextTokenizer> {
  const { tokenizer } = await readTokenizer(directory);
  return {
    encode: (text) => (text === "" ? [] : tokenizer.encode(text, { add_special_tokens: false }).ids),
    encodeWhole: (text) => tokenizer.encode(text).ids,
    decode: (ids) => (ids.length === 0 ? "" : tokenizer.decode([...ids], { skip_special_tokens: true })),
  };
}
