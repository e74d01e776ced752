import { join } from "node:path";
import type { BackendFactory } from "../backend.ts";
import { TokenReader } from "../generation/token-reader.ts";
import { type Graphs, modelOf } from "../graphs/graph-files.ts";
import { runForFloats } from "../graphs/outputs.ts";
import { feed, getInput } from "../graphs/ports.ts";
import type { LoadContext, LoadedModel } from "../implementation.ts";
import { ModelSettings } from "../model-settings.ts";
import { loadTextTokenizer } from "../tokenizers/text-tokenizer.ts";
import { PictureInput } from "../vision/picture-input.ts";
import { bilinear } from "../vision/resample.ts";
import { Captioner, type CaptionerParts } from "./captioner.ts";
import { captionRules } from "./writing.ts";

/** The two graphs of the layout. Source: runner-and-models 7.3.1. */
export const ENCODER_DECODER_FILES = {
  encoder: "onnx/encoder_model.onnx",
  decoder: "onnx/decoder_model_merged.onnx",
} as const;

const PIXELS = "pixel_values";
const STATES = "last_hidden_state";
const SEEN = "encoder_hidden_states";

/** Of ViT-GPT2. Source: runner-and-models 7.12. */
const DEFAULTS = { side: 224, length: 16, begin: 50_256, end: 50_256 } as const;
const HALVES = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] } as const;

/** Loads a vision encoder with a language model behind it, such as ViT-GPT2. Throws `RangeError` for files of another kind. */
export async function loadEncoderDecoder(
  backend: BackendFactory,
  context: LoadContext,
): Promise<LoadedModel<"image-to-text">> {
  const { directory } = context;
  const settings = await ModelSettings.read(join(directory, "config.json"));
  settings.choice("model_type", ["vision-encoder-decoder"], "vision-encoder-decoder");
  const generation = await ModelSettings.read(join(directory, "generation_config.json"));
  const tokenizer = await loadTextTokenizer(directory);
  const input = await PictureInput.read(directory, { side: DEFAULTS.side, kernel: bilinear, ...HALVES });
  const begin = generation.number("decoder_start_token_id", settings.number("decoder_start_token_id", DEFAULTS.begin));
  const { length } = DEFAULTS;
  const rules = captionRules(generation, { length, end: settings.number("eos_token_id", DEFAULTS.end) });
  return modelOf(
    backend,
    context,
    ENCODER_DECODER_FILES,
    (graphs) => new Captioner({ ...partsOf(graphs, input), input, tokenizer, begin, rules }),
  );
}

function partsOf(
  graphs: Graphs<keyof typeof ENCODER_DECODER_FILES>,
  { dims }: PictureInput,
): Pick<CaptionerParts, "look" | "reader" | "close"> {
  const [encoder, decoder] = [graphs.get("encoder"), graphs.get("decoder")];
  const reader = new TokenReader(decoder, { given: [SEEN] });
  const [pixels, seen] = [getInput(encoder, PIXELS), getInput(decoder, SEEN)];
  return {
    async look(planes) {
      const states = await runForFloats(encoder, { [PIXELS]: feed(pixels, planes, dims) }, STATES);
      return { [SEEN]: feed(seen, states.data, states.dims) };
    },
    reader,
    close: async () => graphs[Symbol.asyncDispose](),
  };
}
