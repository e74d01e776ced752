import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BackendFactory } from "../backend.ts";
import { PictureMaker } from "../diffusion/picture-maker.ts";
import type { Implementation } from "../implementation.ts";
import { LatentUpscaler } from "../upscaling/latent-upscaler.ts";
import { loadSwinUpscaler } from "../upscaling/swin-upscaler.ts";

/** A picture made four times as wide and high. Source: runner-and-models 7.10. */
export function upscale(backend: BackendFactory): Implementation<"upscale"> {
  return {
    async load(context) {
      // Diffusion models have an index of their parts; others are one graph.
      if (!existsSync(join(context.directory, "model_index.json"))) return loadSwinUpscaler(backend, context);
      const maker = await PictureMaker.load(backend, context, false);
      try {
        return await LatentUpscaler.of(maker, context.directory);
      } catch (error) {
        await maker[Symbol.asyncDispose]();
        throw error;
      }
    },
  };
}
