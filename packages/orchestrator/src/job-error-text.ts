import type { Pipeline } from "@rivulet/pipelines";
import { legacyPhraseOf } from "@rivulet/wire";

/** A failed job in the network's words: what is the application's fault is known by what follows the pipeline's name. */
export function jobErrorText(pipeline: Pick<Pipeline, "name">, error: unknown): string {
  const phrase = legacyPhraseOf(error);
  return phrase.startsWith("container ") ? `${pipeline.name} ${phrase}` : phrase;
}
