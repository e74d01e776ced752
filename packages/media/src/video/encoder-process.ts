import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What a film is encoded at, as elsewhere on the network. Source: runner-and-models 1.14. */
export const BITS_PER_SECOND = 6_000_000;
/** How an encoding process ends when there is no library to encode with. */
export const ENCODER_MISSING = 69;

/** There is nothing here to encode with. */
export class EncoderMissing extends Error {}

/** The encoder made no film of the frames; the message tells what it wrote. */
export class EncoderFailed extends Error {}

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

/** An encoder that takes no frame for so long, and ends neither, will not any more; most take a tenth of a second. */
const STALLED_AFTER_MS = 60_000;
/** Of what an encoder says about why it failed. */
const MAX_REASON_CHARS = 300;

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
  const { stdin, stderr } = child;
  const ended = once(child, "close").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? new EncoderMissing(error.message) : error;
  });
  ended.catch(() => {}); // it may fail before it is waited for
  let said = "";
  stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-MAX_REASON_CHARS * 4);
  });
  stdin?.on("error", () => {}); // a child that ends before it has read all: how it ended says why
  const kill = () => void child.kill("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  const stalled = setTimeout(kill, STALLED_AFTER_MS);
  try {
    for await (const frame of frames()) {
      signal.throwIfAborted();
      if (stdin === null || !stdin.writable) break;
      if (!stdin.write(frame)) await Promise.race([once(stdin, "drain", { signal }), ended]);
      stalled.refresh();
    }
    stdin?.end();
    const [code, by] = await ended;
    signal.throwIfAborted();
    if (code === ENCODER_MISSING) throw new EncoderMissing(said.trim());
    if (code !== 0) throw new EncoderFailed(code === null ? `the encoder was ended by ${by}` : reasonOf(said));
  } finally {
    clearTimeout(stalled);
    signal.removeEventListener("abort", kill);
    kill();
  }
}

/** The line that names the error, of what may be a whole stack trace. */
function reasonOf(said: string): string {
  const lines = said.split("\n").map((line) => line.trim());
  const line = lines.find((text) => /^\w*Error: /.test(text)) ?? lines.findLast((text) => text !== "") ?? "";
  return line.replace(/^\w*Error: /, "").slice(0, MAX_REASON_CHARS);
}
