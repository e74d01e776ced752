import { existsSync } from "node:fs";
import { join } from "node:path";
import { BLIP_FILES, loadBlip } from "../captioning/blip.ts";
import type { BackendFactory } from "../diffusion/picture-maker.ts";
import type { Implementation } from "../implementation.ts";

/** A picture described in words. What kind a model is, its files tell. Source: runner-and-models 1.10, 7.12. */
export function imageToText(backend: BackendFactory): Implementation<"image-to-text"> {
  return {
    async load(context) {
      if (existsSync(join(context.directory, BLIP_FILES.decoder))) return loadBlip(backend, context);
      throw new RangeError(`the model has no ${BLIP_FILES.decoder}`);
    },
  };
}
