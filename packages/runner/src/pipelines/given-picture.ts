import { decodeImage, type Rgb8 } from "@rivulet/media";
import { invariant, RivuletError } from "@rivulet/primitives";
import type { RunContext } from "../implementation.ts";
import { type Kernel, resized } from "../vision/resample.ts";

/** The picture a request came with, of a film its first frame. Throws as `decodeImage` does, naming the field. */
export async function givenPicture({ media, signal }: RunContext): Promise<Rgb8> {
  const { image } = media;
  invariant(image !== undefined, "the request's files were checked");
  return decodeImage(image.bytes, { field: "image", signal });
}

/** The same with its sides brought down to multiples of `step`. Throws "request.media-undecodable" where nothing is left. */
export async function steppedPicture(context: RunContext, step: number, kernel: Kernel): Promise<Rgb8> {
  const image = await givenPicture(context);
  const [width, height] = [image.width - (image.width % step), image.height - (image.height % step)];
  if (width === 0 || height === 0)
    throw new RivuletError("request.media-undecodable", {
      field: "image",
      reason: `must be at least ${step} pixels wide and high`,
    });
  return resized(image, width, height, kernel);
}
