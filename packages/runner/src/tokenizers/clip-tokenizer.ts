import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ModelSettings, readJson } from "../model-settings.ts";
import { tokenizerOf } from "./tokenizer-file.ts";

/** Text as the token ids a CLIP text encoder reads: always `length` of them. */
export interface ClipTokenizer {
  readonly length: number;
  encode(text: string): readonly number[];
}

/** Positions of every published CLIP text encoder. */
export const CLIP_POSITIONS = 77;

const START = "<|startoftext|>";
const END = "<|endoftext|>";

/**
 * The tokenizer of a model: `tokenizer.json`, or the older pair `vocab.json` and `merges.txt`.
 *
 * Texts are cut to the encoder's length with the end mark kept, and filled up with the padding token of the files, which
 * differs between families. `positions` is the length of the encoder that will read them.
 * Source: runner-and-models 7.5.2.
 */
export async function loadClipTokenizer(directory: string, positions: number = CLIP_POSITIONS): Promise<ClipTokenizer> {
  const config = await readJson(join(directory, "tokenizer_config.json"));
  const special = new ModelSettings(
    texts({ ...(await readJson(join(directory, "special_tokens_map.json"))), ...config }),
    join(directory, "tokenizer_config.json"),
  );
  const start = special.text("bos_token", START);
  const end = special.text("eos_token", END);
  const file = join(directory, "tokenizer.json");
  const json = (await readJson(file)) ?? (await clipTokenizerJson(directory, start, end));
  const tokenizer = tokenizerOf(file, json, { ...config });
  const idOf = (token: string): number => {
    const id = tokenizer.token_to_id(token);
    if (id === undefined) throw new RangeError(`${file} has no token ${token}`);
    return id;
  };
  const [startId, endId, padId] = [idOf(start), idOf(end), idOf(special.text("pad_token", end))];
  const length = Math.min(positions, new ModelSettings(config ?? {}).number("model_max_length", positions));
  return {
    length,
    encode(text) {
      const { ids } = tokenizer.encode(text, { add_special_tokens: false });
      const kept = [startId, ...ids.slice(0, length - 2), endId];
      return [...kept, ...new Array<number>(length - kept.length).fill(padId)];
    },
  };
}

/** What `tokenizer.json` says for a CLIP tokenizer that has only a vocabulary and a list of merges. */
async function clipTokenizerJson(
  directory: string,
  start: string,
  end: string,
): Promise<Readonly<Record<string, unknown>>> {
  const vocab = await readJson(join(directory, "vocab.json"));
  if (vocab === undefined) throw new RangeError(`${directory} has neither tokenizer.json nor vocab.json`);
  const lines = (await readFile(join(directory, "merges.txt"), "utf8")).split(/\r?\n/);
  const merges = lines.filter((line) => line !== "" && !line.startsWith("#version"));
  return {
    version: "1.0",
    added_tokens: [start, end].map((content) => ({
      id: vocab[content],
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFC" },
        { type: "Replace", pattern: { Regex: "\\s+" }, content: " " },
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
          behavior: "Removed",
          invert: true,
        },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true },
      ],
    },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: {
      type: "BPE",
      unk_token: end,
      continuing_subword_prefix: "",
      end_of_word_suffix: "</w>",
      fuse_unk: false,
      vocab,
      merges,
    },
  };
}

/** Special tokens are written as texts or as objects with their text inside. */
function texts(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      typeof value === "object" && value !== null && "content" in value ? value.content : value,
    ]),
  );
}
