import type { AudioFormat } from "../format.ts";
import { aac } from "./aac.ts";
import { flac } from "./flac.ts";
import { matroska } from "./matroska.ts";
import { mp3 } from "./mp3.ts";
import { mp4 } from "./mp4.ts";
import { ogg } from "./ogg.ts";
import { wav } from "./wav.ts";

/** In the order they are tried: those with the weakest signatures last. */
export const audioFormats: readonly AudioFormat[] = [wav, flac, ogg, mp4, matroska, aac, mp3];
