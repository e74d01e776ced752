import { RivuletError } from "@rivulet/primitives";
import { CodecFailed, CodecMissing } from "./codec-process.ts";
import type { Rgb8 } from "./image.ts";
import { type FilmFile, type FrameProcess, frameWithLibrary, frameWithProgram } from "./video/first-frame-process.ts";

/** The library where it is installed, because it needs no temporary files; the program else. */
const DECODERS: readonly FrameProcess[] = [frameWithLibrary, frameWithProgram()];

/**
 * The first frame of an MP4 file, decoded in a process of its own. Any bytes are fine.
 *
 * Throws "request.media-unsupported" where nothing decodes it, with what to install; "request.media-undecodable" for a
 * file that is broken or whose frame is not as large as it states, which is what is billed; both name `field`.
 */
export async function firstFrame(
  film: FilmFile,
  field: string,
  decoders: readonly FrameProcess[] = DECODERS,
): Promise<Rgb8> {
  const { width, height, signal } = film;
  signal.throwIfAborted();
  const undecodable = (reason: string, cause?: unknown) =>
    new RivuletError("request.media-undecodable", { field, reason }, { cause });
  for (const decode of decoders)
    try {
      const data = await decode(film);
      if (data.length !== width * height * 3)
        throw undecodable(`the first frame is not of ${width} × ${height} pixels as the file states`);
      return { width, height, data };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof CodecFailed) throw undecodable(error.message, error);
      if (!(error instanceof CodecMissing)) throw error;
    }
  const reason =
    "decoding mp4 needs the package node-av, or the program ffmpeg, beside the runner; pictures need neither";
  throw new RivuletError("request.media-unsupported", { field, reason });
}
