import { existsSync } from "node:fs";
import { join } from "node:path";
import { encodeWav, resampleAudio, toDataUrl } from "@rivulet/media";
import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import type { BackendFactory } from "../backend.ts";
import type { Implementation, LoadContext, LoadedModel, RunContext } from "../implementation.ts";
import { drawnSeed } from "../random/drawn-seed.ts";
import { defaultSeedMode, noiseOf, type SeedMode } from "../random/noise.ts";
import { rejected } from "../rejected.ts";
import { sentencesOf } from "../speech/sentences.ts";
import { joined, type Speaker } from "../speech/speaker.ts";
import { loadSpeecht5, SPEECHT5_FILES } from "../speech/speecht5.ts";
import { loadVits, VITS_FILES } from "../speech/vits.ts";
import { mannerOf } from "../speech/voice.ts";

type Request = PipelineRequest<"text-to-speech">;
type Response = PipelineRunnerResponse<"text-to-speech">;

/** A text spoken. What kind a model is, its files tell. Source: runner-and-models 1.11, 7.14. */
export function textToSpeech(backend: BackendFactory): Implementation<"text-to-speech"> {
  return {
    async load(context) {
      const { seedMode = defaultSeedMode } = context.engine ?? {};
      return new LoadedTextToSpeech(await loadSpeaker(backend, context), seedMode);
    },
  };
}

async function loadSpeaker(backend: BackendFactory, context: LoadContext): Promise<Speaker> {
  const { directory } = context;
  if (existsSync(join(directory, VITS_FILES.encoder))) return loadVits(backend, context);
  if (existsSync(join(directory, SPEECHT5_FILES.vocoder))) return loadSpeecht5(backend, context);
  throw new RangeError(`the model has neither ${VITS_FILES.encoder} nor ${SPEECHT5_FILES.vocoder}`);
}

/** Samples a second of what is answered. */
const RATE = 44_100;
/** Between the parts of a text that are spoken on their own. */
const PAUSE_SECONDS = 0.15;

class LoadedTextToSpeech implements LoadedModel<"text-to-speech"> {
  readonly #speaker: Speaker;
  readonly #seedMode: SeedMode;

  constructor(speaker: Speaker, seedMode: SeedMode) {
    this.#speaker = speaker;
    this.#seedMode = seedMode;
  }

  async run({ text, description }: Request, context: RunContext): Promise<Response> {
    const { signal, onProgress } = context;
    const { rate, longest } = this.#speaker;
    const manner = mannerOf(description);
    const noise = noiseOf(drawnSeed(context), this.#seedMode);
    const parts = sentencesOf(text, longest);
    const spoken: Float32Array[] = [];
    for (const [index, part] of parts.entries()) {
      const samples = await this.#speaker.speak({ text: part, manner, noise, signal });
      if (samples.length > 0)
        spoken.push(...(spoken.length > 0 ? [new Float32Array(rate * PAUSE_SECONDS)] : []), samples);
      onProgress({ kind: "step", image: 0, step: index + 1, of: parts.length });
    }
    if (spoken.length === 0) throw rejected("text", "the model can speak nothing of it");
    signal.throwIfAborted();
    const wav = encodeWav(resampleAudio(joined(spoken), rate, RATE), RATE);
    return { audio: { url: toDataUrl("audio/wav", wav) } };
  }

  async dispose(): Promise<void> {
    await this.#speaker.dispose();
  }
}
