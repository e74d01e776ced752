import { RivuletError } from "@rivulet/primitives";
import { CodecMissing } from "./codec-process.ts";
import { decodeImage, type Rgb8 } from "./image.ts";
import { type EncoderProcess, encodeWithLibrary, encodeWithProgram } from "./video/encoder-process.ts";
import { evenSize, yuv420 } from "./video/yuv.ts";

export interface Film {
  /** Image files of one size, in order; at least one. */
  readonly frames: readonly Uint8Array[];
  /** A whole number. */
  readonly framesPerSecond: number;
  readonly signal: AbortSignal;
  /** What encodes; the first that is installed is used. */
  readonly encoders?: readonly EncoderProcess[];
}

/** The library where it is installed, because its encoder is known; the program else. */
const ENCODERS: readonly EncoderProcess[] = [encodeWithLibrary, encodeWithProgram()];

/**
 * Joins pictures into an MP4 file that browsers play, from the first byte on: H.264, 4:2:0, even sides, index first. The
 * encoder runs in a process of its own; one frame at a time lies in memory as pixels.
 *
 * Throws "runner.failed" when the frames are no pictures of one size, when the encoder fails, and when there is none, with
 * what to install. Throws the signal's reason when it aborts.
 */
export async function encodeMp4({ frames, framesPerSecond, signal, encoders = ENCODERS }: Film): Promise<Uint8Array> {
  signal.throwIfAborted();
  const [first] = frames;
  if (first === undefined) throw failed("there are no frames");
  const picture = await decoded(first);
  const film = { ...evenSize(picture), framesPerSecond, frames: () => rawFrames(frames, picture), signal };
  for (const encode of encoders)
    try {
      return await encode(film);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RivuletError) throw error;
      if (error instanceof CodecMissing) continue;
      const reason = error instanceof Error ? error.message : String(error);
      throw failed(`the video encoder failed: ${reason}`, error);
    }
  throw failed("joining frames into a video needs the package node-av, or the program ffmpeg, on this machine");
}

async function* rawFrames(frames: readonly Uint8Array[], { width, height }: Rgb8): AsyncGenerator<Uint8Array> {
  for (const frame of frames) {
    const picture = await decoded(frame);
    if (picture.width !== width || picture.height !== height) throw failed("the frames differ in size");
    yield yuv420(picture);
  }
}

async function decoded(frame: Uint8Array): Promise<Rgb8> {
  try {
    return await decodeImage(frame);
  } catch (cause) {
    throw failed("a frame is no picture", cause);
  }
}

function failed(reason: string, cause?: unknown): RivuletError {
  return new RivuletError("runner.failed", { reason }, cause === undefined ? {} : { cause });
}
