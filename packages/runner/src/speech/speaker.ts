import type { Backend } from "../backend.ts";
import type { Progress } from "../implementation.ts";
import type { Noise } from "../random/noise.ts";
import type { Manner } from "./voice.ts";

export interface SpeakerLoad {
  readonly directory: string;
  readonly backend: Backend;
  readonly threads: number;
  readonly onProgress: (progress: Progress) => void;
}

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
