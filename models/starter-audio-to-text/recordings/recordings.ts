import { readFile } from "node:fs/promises";
import { DECODED_AUDIO_RATE, decodeAudio } from "@rivulet/media";
import { Chance } from "../../check/scenes.ts";

/** A sentence that training never says, by one of many voices. */
export interface Recording {
  readonly text: string;
  readonly voice: string;
  readonly samples: Float32Array;
  /** When each word begins, in seconds of the samples. */
  readonly words: readonly number[];
}

interface Entry extends Omit<Recording, "samples"> {
  readonly begin: number;
  readonly seconds: number;
}

export const RATE = DECODED_AUDIO_RATE;
/** Seconds on both sides that belong to a recording: there is silence between them. */
const MARGIN = 0.1;

/** The recordings of this package, which `train/recordings.py` made. */
export async function readRecordings(signal: AbortSignal): Promise<readonly Recording[]> {
  const entries: readonly Entry[] = JSON.parse(await readFile(new URL("recordings.json", import.meta.url), "utf8"));
  const bytes = await readFile(new URL("recordings.opus", import.meta.url));
  const blocks: Float32Array[] = [];
  for await (const block of decodeAudio(bytes, { field: "audio", signal })) blocks.push(block);
  const sound = joined(blocks);
  return entries.map(({ text, voice, words, begin, seconds }) => ({
    text,
    voice,
    samples: sound.slice(at(begin - MARGIN), at(begin + seconds + MARGIN)),
    words: words.map((time) => time + MARGIN),
  }));
}

export function silence(seconds: number): Float32Array {
  return new Float32Array(at(seconds));
}

export function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let filled = 0;
  for (const part of parts) {
    whole.set(part, filled);
    filled += part.length;
  }
  return whole;
}

/** The sound through white noise, so many decibels below it on average. */
export function throughNoise(samples: Float32Array, decibels: number, seed: number): Float32Array {
  const power = samples.reduce((sum, sample) => sum + sample ** 2, 0) / Math.max(1, samples.length);
  const size = Math.sqrt(power * 10 ** (-decibels / 10));
  const chance = new Chance(seed);
  return samples.map((sample) => sample + size * chance.normal());
}

function at(seconds: number): number {
  return Math.round(seconds * RATE);
}
