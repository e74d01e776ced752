import type { ImageFormat } from "../format.ts";
import { bmp } from "./bmp.ts";
import { gif } from "./gif.ts";
import { jpeg } from "./jpeg.ts";
import { mp4 } from "./mp4.ts";
import { png } from "./png.ts";
import { tiff } from "./tiff.ts";
import { webp } from "./webp.ts";

/** In the order they are tried: the commonest first, the weakest signature last. */
export const imageFormats: readonly ImageFormat[] = [png, jpeg, webp, gif, tiff, mp4, bmp];
