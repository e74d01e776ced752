import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { readJson } from "../model-settings.ts";

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
  const json = await readJson(join(directory, "tokenizer.json"));
  if (json === undefined) throw new RangeError("the model has no tokenizer.json");
  const tokenizer = new Tokenizer(json, (await readJson(join(directory, "tokenizer_config.json"))) ?? {});
  return {
    encode: (text) => (text === "" ? [] : tokenizer.encode(text, { add_special_tokens: false }).ids),
    encodeWhole: (text) => tokenizer.encode(text).ids,
    decode: (ids) => (ids.length === 0 ? "" : tokenizer.decode([...ids], { skip_special_tokens: true })),
  };
}
