import type { ImageProbe } from "@rivulet/pipelines";
import { isOutOfMemory, RivuletError } from "@rivulet/primitives";
import sharp from "sharp";
import { firstFrame } from "./first-frame.ts";
import { bmpPixels } from "./image-formats/bmp-pixels.ts";
import { MAX_PIXELS } from "./limits.ts";
import { checkPng } from "./png-check.ts";
import { probeImage } from "./probe.ts";

/** Pixels in memory: three bytes each, rows from the top, no gaps. */
export interface Rgb8 {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export interface DecodeOptions {
  /** Refuses larger images before their pixels are read. */
  readonly maxPixels?: number;
  /** The request field the image came in, for errors. */
  readonly field?: string;
  /** Ends the decoding of films, which takes a process. */
  readonly signal?: AbortSignal;
}

/** Fast rather than small: pictures go to the next node once. 1024²: 16 ms, against 31 at the usual level. */
const PNG_COMPRESSION = 1;

/** What the library does not read. */
const decoders: {
  readonly [F in ImageProbe["format"]]?: (
    bytes: Uint8Array,
    options: { readonly probe: ImageProbe; readonly field: string; readonly signal: AbortSignal },
  ) => Rgb8 | Promise<Rgb8>;
} = {
  bmp: (bytes, { field }) => bmpPixels(bytes, field),
  mp4: (bytes, { probe: { width, height }, field, signal }) => firstFrame({ bytes, width, height, signal }, field),
};

/**
 * The pixels of an image or, where there are several, of its first frame: alpha dropped without compositing, no rotation,
 * truncated files as far as they go. Source: runner-and-models 1.2.5.
 *
 * Throws "request.media-unsupported" or "request.media-undecodable", naming `field`; the library's error when there is not
 * enough memory for the pixels.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Rgb8> {
  const { field = "image", signal = NEVER } = options;
  const probe = check(bytes, options);
  const own = decoders[probe.format];
  if (own !== undefined) return own(bytes, { probe, field, signal });
  try {
    const { data, info } = await open(bytes, "none")
      .removeAlpha()
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data };
  } catch (cause) {
    throw undecodable(field, cause);
  }
}

/**
 * Says what an image is once it is sure that every pixel is there: it is decoded, or for a small plain PNG unpacked.
 * Unlike `decodeImage` it refuses truncated files, and PNGs with any damage: for results, which must be whole.
 *
 * Throws as `decodeImage` does, and "request.media-unsupported" for formats that nobody answers in.
 */
export async function verifyImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<ImageProbe> {
  const { field = "image" } = options;
  const probe = check(bytes, options);
  if (probe.format in decoders)
    throw new RivuletError("request.media-unsupported", { field, reason: `a result is no ${probe.format}` });
  const verdict = probe.format === "png" ? await checkPng(bytes) : "unclear";
  if (verdict === "whole") return probe;
  if (verdict === "damaged") throw undecodable(field);
  try {
    await open(bytes, "truncated").raw().toBuffer();
    return probe;
  } catch (cause) {
    throw undecodable(field, cause);
  }
}

/** Encodes pixels as PNG. */
export async function encodePng(image: Rgb8): Promise<Uint8Array> {
  const { width, height, data } = image;
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: PNG_COMPRESSION })
    .toBuffer();
}

const NEVER = new AbortController().signal;

function check(bytes: Uint8Array, { maxPixels = MAX_PIXELS, field = "image" }: DecodeOptions): ImageProbe {
  const probe = probeImage(bytes, field);
  if (probe.width * probe.height > maxPixels)
    throw new RivuletError("request.media-undecodable", {
      field,
      reason: `the image has more than ${maxPixels} pixels`,
    });
  return probe;
}

function open(bytes: Uint8Array, failOn: "none" | "truncated") {
  return sharp(bytes, { failOn, limitInputPixels: MAX_PIXELS, sequentialRead: true });
}

function undecodable(field: string, cause?: unknown) {
  if (isOutOfMemory(cause)) return cause; // the file may be whole
  return new RivuletError("request.media-undecodable", { field, reason: "the pixels could not be read" }, { cause });
}
