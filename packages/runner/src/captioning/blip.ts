import { join } from "node:path";
import type { BackendFactory } from "../backend.ts";
import { TokenReader } from "../generation/token-reader.ts";
import { type Graphs, modelOf } from "../graphs/graph-files.ts";
import { feed, getInput, needOutput } from "../graphs/ports.ts";
import type { LoadContext, LoadedModel } from "../implementation.ts";
import { getJson, ModelSettings } from "../model-settings.ts";
import { loadTextTokenizer } from "../tokenizers/text-tokenizer.ts";
import { CLIP, PictureInput } from "../vision/picture-input.ts";
import { bicubic } from "../vision/resample.ts";
import { Captioner, type CaptionerParts } from "./captioner.ts";
import { captionRules } from "./writing.ts";

/** The two graphs of the layout. `models/export/export_blip.py` writes it. */
export const BLIP_FILES = { vision: "onnx/vision_model.onnx", decoder: "onnx/text_decoder.onnx" } as const;

const PIXELS = "pixel_values";
/** What the decoder sees of the picture: a key and a value a layer, made by the vision graph. */
const CROSS = "cross.";

/** Of the published models; the numbers of their files go before. Source: runner-and-models 7.12. */
const DEFAULTS = { side: 384, begin: 30522, end: 102, length: 20 } as const;

/** Loads a BLIP captioning model. Throws `RangeError` for files of another kind. */
export async function loadBlip(backend: BackendFactory, context: LoadContext): Promise<LoadedModel<"image-to-text">> {
  const { directory } = context;
  const config = await getJson(join(directory, "config.json"));
  new ModelSettings(config, "config.json").choice("model_type", ["blip"]);
  const { text_config: given } = config;
  const text = new ModelSettings(typeof given === "object" && given !== null ? { ...given } : {}, "config.json");
  const generation = await ModelSettings.read(join(directory, "generation_config.json"));
  const end = text.number("sep_token_id", DEFAULTS.end);
  // What the file calls the end is not: published ones have a number there that no caption ends with.
  const rules = { ...captionRules(generation, { length: DEFAULTS.length, end }), ends: new Set([end]) };
  const tokenizer = await loadTextTokenizer(directory);
  const input = await PictureInput.read(directory, { side: DEFAULTS.side, kernel: bicubic, ...CLIP });
  const begin = text.number("bos_token_id", DEFAULTS.begin);
  return modelOf(
    backend,
    context,
    BLIP_FILES,
    (graphs) => new Captioner({ ...partsOf(graphs, input), input, tokenizer, begin, rules }),
  );
}

/** A vision transformer that makes keys and values for each layer of the decoder at once. */
function partsOf(
  graphs: Graphs<keyof typeof BLIP_FILES>,
  { dims }: PictureInput,
): Pick<CaptionerParts, "look" | "reader" | "close"> {
  const [vision, decoder] = [graphs.get("vision"), graphs.get("decoder")];
  const pixels = getInput(vision, PIXELS);
  const cross = decoder.inputs.map(({ name }) => name).filter((name) => name.startsWith(CROSS));
  for (const name of cross) needOutput(vision, name);
  return {
    look: (planes) => vision.run({ [PIXELS]: feed(pixels, planes, dims) }, cross),
    reader: new TokenReader(decoder, { given: cross }),
    close: async () => graphs[Symbol.asyncDispose](),
  };
}
