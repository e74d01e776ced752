import { join } from "node:path";
import { ModelSettings, readJson } from "../model-settings.ts";

/** What a Whisper model's files say about how it is asked and how its answers are read. */
export interface WhisperSettings {
  readonly start: number;
  readonly end: number;
  readonly noTimestamps: number;
  /** The languages that can be told apart, by token, in two or three letters; none in models of English alone. */
  readonly languages: ReadonlyMap<number, string>;
  /** The token that asks for what is said in its own language. */
  readonly transcribe: number | undefined;
  /** Tokens that are never said, and those that are not said first. */
  readonly suppressed: readonly number[];
  readonly suppressedFirst: readonly number[];
  /** The latest moment at which the first sentence may begin, in steps of a timestamp. */
  readonly latestBegin: number;
  /** Tokens that prompt and answer have together at most. */
  readonly length: number;
  /** Seconds between two timestamps. */
  readonly precision: number;
  /** The attention heads that look where the sound of a token is, as layer and head; none when nobody found out. */
  readonly alignmentHeads: readonly (readonly [layer: number, head: number])[];
  readonly medianWidth: number;
}

/** Of the published models; their files go before. Source: runner-and-models 7.11. */
const DEFAULTS = { latestBegin: 50, length: 448, positions: 1500, medianWidth: 7, seconds: 30 } as const;

/** Reads the settings in a model's directory. Throws `RangeError` for a model of another kind. */
export async function readWhisperSettings(directory: string): Promise<WhisperSettings> {
  const config = await ModelSettings.get(join(directory, "config.json"));
  const hearing = await ModelSettings.read(join(directory, "preprocessor_config.json"));
  const json = (await readJson(join(directory, "generation_config.json"))) ?? {};
  const generation = new ModelSettings(json, join(directory, "generation_config.json"));
  config.choice("model_type", ["whisper"]);
  const token = (key: string) => generation.findNumber(key) ?? config.findNumber(key);
  const [start, end] = [
    token("decoder_start_token_id"),
    generation.numbersOf("eos_token_id")[0] ?? token("eos_token_id"),
  ];
  const noTimestamps = token("no_timestamps_token_id");
  if (start === undefined || end === undefined || noTimestamps === undefined)
    throw new RangeError("generation_config.json does not name the tokens that begin, end and have no timestamps");
  return {
    start,
    end,
    noTimestamps,
    languages: new Map(
      Object.entries(tokensOf(json, "lang_to_id")).map(([name, id]) => [id, name.replace(/[<|>]/g, "")]),
    ),
    transcribe: tokensOf(json, "task_to_id")["transcribe"],
    suppressed: generation.findNumbers("suppress_tokens") ?? config.findNumbers("suppress_tokens") ?? [],
    suppressedFirst:
      generation.findNumbers("begin_suppress_tokens") ?? config.findNumbers("begin_suppress_tokens") ?? [],
    latestBegin: generation.number("max_initial_timestamp_index", DEFAULTS.latestBegin),
    length: config.number("max_target_positions", DEFAULTS.length),
    precision:
      hearing.number("chunk_length", DEFAULTS.seconds) / config.number("max_source_positions", DEFAULTS.positions),
    alignmentHeads: headsOf(json),
    medianWidth: config.number("median_filter_width", DEFAULTS.medianWidth),
  };
}

/** A record of token ids by name, empty when it is absent. */
function tokensOf(json: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, number>> {
  const value = json[key] ?? {};
  const entries = Object.entries(value);
  if (!entries.every((entry): entry is [string, number] => Number.isInteger(entry[1])))
    throw new RangeError(`generation_config.json: setting ${key} must hold token ids`);
  return Object.fromEntries(entries);
}

function headsOf({ alignment_heads: value }: Readonly<Record<string, unknown>>): WhisperSettings["alignmentHeads"] {
  if (value === undefined || value === null) return [];
  const isPair = (item: unknown): item is [number, number] =>
    Array.isArray(item) && item.length === 2 && item.every((part) => Number.isInteger(part) && part >= 0);
  if (!Array.isArray(value) || !value.every(isPair))
    throw new RangeError("generation_config.json: setting alignment_heads must be a list of pairs");
  return value;
}
