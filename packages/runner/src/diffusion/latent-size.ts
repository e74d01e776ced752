import { rejected } from "../rejected.ts";
import type { LatentSize } from "./denoiser.ts";

type Size = { readonly height: number; readonly width: number };

/** What of a model decides which sizes it makes. */
interface Sizing {
  readonly denoiser: { readonly channels: number; readonly fixedSize: Size | undefined };
  readonly decoder: { readonly factor: number };
}

/** The one size in pixels of a file that was exported for one. */
export function fixedSizeOf({ denoiser: { fixedSize: size }, decoder: { factor } }: Sizing): Size | undefined {
  return size && { height: size.height * factor, width: size.width * factor };
}

/**
 * The latent size of a picture. Throws "request.rejected-by-model" for one that the model cannot make, naming the field
 * that has it; without one it is the side that is wrong. Source of the first text: runner-and-models 1.5.
 */
export function latentSizeOf({ height, width }: Size, model: Sizing, field?: string): LatentSize {
  const { channels } = model.denoiser;
  const { factor } = model.decoder;
  const isHighEnough = height % factor === 0;
  if (!isHighEnough || width % factor !== 0)
    throw rejected(
      field ?? (isHighEnough ? "width" : "height"),
      `\`height\` and \`width\` have to be divisible by ${factor} but are ${height} and ${width}`,
    );
  const fixed = fixedSizeOf(model);
  if (fixed !== undefined && (fixed.height !== height || fixed.width !== width))
    throw rejected(
      field ?? (fixed.height === height ? "width" : "height"),
      `\`height\` and \`width\` have to be ${fixed.height} and ${fixed.width} but are ${height} and ${width}`,
    );
  return { channels, height: height / factor, width: width / factor };
}
