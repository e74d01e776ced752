import { decodeImage, type Rgb8 } from "@rivulet/media";
import { invariant } from "@rivulet/primitives";
import type { RunContext } from "../implementation.ts";

/** The picture a request came with, of a film its first frame. Throws as `decodeImage` does, naming the field. */
export async function givenPicture({ media, signal }: RunContext): Promise<Rgb8> {
  const { image } = media;
  invariant(image !== undefined, "the request's files were checked");
  return decodeImage(image.bytes, { field: "image", signal });
}
