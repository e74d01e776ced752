import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BackendFactory } from "../backend.ts";
import { BLIP_FILES, loadBlip } from "../captioning/blip.ts";
import { ENCODER_DECODER_FILES, loadEncoderDecoder } from "../captioning/encoder-decoder.ts";
import { FLORENCE2_FILES, loadFlorence2 } from "../captioning/florence2.ts";
import type { Implementation } from "../implementation.ts";

/** A picture described in words. What kind a model is, its files tell. Source: runner-and-models 1.10, 7.12. */
export function imageToText(backend: BackendFactory): Implementation<"image-to-text"> {
  return {
    async load(context) {
      const has = (file: string) => existsSync(join(context.directory, file));
      if (has(BLIP_FILES.decoder)) return loadBlip(backend, context);
      if (has(FLORENCE2_FILES.words) || has(FLORENCE2_FILES.vision)) return loadFlorence2(backend, context);
      if (has(ENCODER_DECODER_FILES.decoder)) return loadEncoderDecoder(backend, context);
      throw new RangeError(`the model has neither ${BLIP_FILES.decoder} nor ${ENCODER_DECODER_FILES.decoder}`);
    },
  };
}
