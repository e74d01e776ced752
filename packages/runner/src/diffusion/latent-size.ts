import type { ModelSettings } from "../model-settings.ts";
import { rejected } from "../rejected.ts";

/** Size of a latent picture. */
export interface LatentSize {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Of every published family: three halvings. */
const DEFAULT_BLOCKS = 4;

/** Pixels a side for each latent element of an autoencoder. */
export function factorOf(config: ModelSettings): number {
  return 2 ** ((config.findNumbers("block_out_channels")?.length ?? DEFAULT_BLOCKS) - 1);
}

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
 * The latent size that a picture needs: where latent elements stand for more than what is left at an edge, more is made than
 * was asked for, and cut off. Throws "request.rejected-by-model" for another size than that of a file that was exported for
 * one, naming the field that has it; without one it is the side that is wrong.
 */
export function latentSizeOf({ height, width }: Size, model: Sizing, field?: string): LatentSize {
  const fixed = fixedSizeOf(model);
  if (fixed !== undefined && (fixed.height !== height || fixed.width !== width))
    throw rejected(
      field ?? (fixed.height === height ? "width" : "height"),
      `\`height\` and \`width\` have to be ${fixed.height} and ${fixed.width} but are ${height} and ${width}`,
    );
  const { factor } = model.decoder;
  return { channels: model.denoiser.channels, height: Math.ceil(height / factor), width: Math.ceil(width / factor) };
}
