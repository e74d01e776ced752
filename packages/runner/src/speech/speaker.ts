import type { Graph, Tensors } from "../backend.ts";
import { refuseNonFinite } from "../graphs/finite.ts";
import { runForFloats } from "../graphs/outputs.ts";
import { outputName } from "../graphs/ports.ts";
import type { Noise } from "../random/noise.ts";
import type { Manner } from "./voice.ts";

/** One part of a text, to be spoken. */
export interface Utterance {
  readonly text: string;
  readonly manner: Manner;
  /** Where chance comes from, in models that leave something to it. */
  readonly noise: Noise;
  readonly signal: AbortSignal;
}

/** A model that speaks. `dispose` gives its memory back. */
export interface Speaker {
  /** Samples a second. */
  readonly rate: number;
  /** Characters that may be spoken at once. */
  readonly longest: number;
  /** Samples from −1 to 1; none for a text of which the model can speak nothing. Lets the event loop turn between steps. */
  speak(utterance: Utterance): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** No part of a text takes longer; a model that says so has lost its way. */
export const MAX_SECONDS = 90;

/** What a graph speaks. Throws "runner.failed" when the samples are no finite numbers. */
export async function samplesOf(graph: Graph, feeds: Tensors): Promise<Float32Array> {
  const { data } = await runForFloats(graph, feeds, outputName(graph, "waveform"));
  refuseNonFinite(data, "samples");
  return data;
}

/** Numbers one after the other. */
export function joined(pieces: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const whole = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
