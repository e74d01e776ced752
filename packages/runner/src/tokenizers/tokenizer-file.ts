import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { readJson } from "../model-settings.ts";

type Json = Readonly<Record<string, unknown>>;

/** The tokenizer in a model's directory and what its files say beside it. Throws `RangeError` where there is none. */
export async function readTokenizer(
  directory: string,
): Promise<{ readonly tokenizer: Tokenizer; readonly config: Json }> {
  const file = join(directory, "tokenizer.json");
  const json = await readJson(file);
  if (json === undefined) throw new RangeError("the model has no tokenizer.json");
  const config = (await readJson(join(directory, "tokenizer_config.json"))) ?? {};
  return { tokenizer: tokenizerOf(file, json, config), config };
}

/** The tokenizer that a file describes. Throws `RangeError`, naming the file, when it describes something else. */
export function tokenizerOf(file: string, json: Json, config: Json): Tokenizer {
  const { model } = json;
  if (typeof model !== "object" || model === null || !("vocab" in model))
    throw new RangeError(`${file} holds no tokenizer`);
  try {
    return new Tokenizer(json, config);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RangeError(`${file} holds no tokenizer: ${reason}`, { cause });
  }
}
