import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { watchCodec } from "../codec-process.ts";

/** What a film is encoded at, as elsewhere on the network. Source: runner-and-models 1.14. */
export const BITS_PER_SECOND = 6_000_000;

/** Frames as `yuv420` makes them, of an even size. They can be asked for again, for the next encoder. */
export interface RawFilm {
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
  readonly frames: () => AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

/** Makes an MP4 file of H.264 video whose index stands at its beginning. */
export type EncoderProcess = (film: RawFilm) => Promise<Uint8Array>;

const LIBAV_MAIN = fileURLToPath(new URL("./libav-main.ts", import.meta.url));

/** With the optional library, in a process of its own. */
export const encodeWithLibrary: EncoderProcess = (film) =>
  encoded(film, (file) => {
    const wanted = [film.width, film.height, film.framesPerSecond].map(String);
    return spawn(process.execPath, ["--disable-warning=ExperimentalWarning", LIBAV_MAIN, ...wanted, file], {
      stdio: ["pipe", "ignore", "pipe"],
      env: {},
    });
  });

/** With the `ffmpeg` program and whichever H.264 encoder it was built with. */
export function encodeWithProgram(command = "ffmpeg"): EncoderProcess {
  return (film) =>
    encoded(film, (file) => {
      const colours = [
        "-color_range",
        "tv",
        "-colorspace",
        "bt709",
        "-color_primaries",
        "bt709",
        "-color_trc",
        "bt709",
      ];
      const input = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", `${film.width}x${film.height}`];
      const codec = ["-c:v", "h264", "-b:v", String(BITS_PER_SECOND), "-bf", "0", "-pix_fmt", "yuv420p", ...colours];
      return spawn(
        command,
        [
          ...["-hide_banner", "-loglevel", "error"],
          ...[...input, "-framerate", String(film.framesPerSecond), ...colours, "-i", "pipe:0"],
          ...[...codec, "-movflags", "+faststart", "-f", "mp4", file],
        ],
        { stdio: ["pipe", "ignore", "pipe"] },
      );
    });
}

/**
 * What a child makes of the frames. It writes to a file, because the index is moved to the beginning when all else is
 * written. However this ends, child and file are gone then.
 */
async function encoded(film: RawFilm, start: (file: string) => ChildProcess): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), "rivulet-film-"));
  try {
    const file = join(folder, "film.mp4");
    await finished(start(file), film);
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function finished(child: ChildProcess, { frames, signal }: RawFilm): Promise<void> {
  using codec = watchCodec("encoder", child, signal);
  const { stdin } = child;
  for await (const frame of frames()) {
    signal.throwIfAborted();
    if (stdin === null || !stdin.writable) break;
    if (!stdin.write(frame)) await Promise.race([once(stdin, "drain", { signal }), codec.ended]);
    codec.goesOn();
  }
  stdin?.end();
  await codec.succeeded();
}
