import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { watchCodec } from "../codec-process.ts";

/** An MP4 file, the size that it states, and a signal that ends the decoding. */
export interface FilmFile {
  readonly bytes: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly signal: AbortSignal;
}

/** Decodes the first frame of a film: the bytes of its pixels, red, green, blue, or of as many as came. */
export type FrameProcess = (film: FilmFile) => Promise<Uint8Array>;

const FIRST_FRAME_MAIN = fileURLToPath(new URL("./first-frame-main.ts", import.meta.url));

/**
 * The most pixels a decoder may make of a film, so that small files cannot take much memory: what it states, and what
 * codecs add to both sides to have whole blocks.
 */
function mostPixels({ width, height }: FilmFile): string {
  return `${(width + BLOCK) * (height + BLOCK)}`;
}

/** The largest block there is, of AV1. */
const BLOCK = 128;

/** With the optional library, in a process of its own. The film goes in through a pipe and never touches a disk. */
export const frameWithLibrary: FrameProcess = (film) => {
  // An empty environment: what reads strangers' files has no need to know this process's secrets.
  const stated = [`${film.width}`, `${film.height}`, mostPixels(film)];
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", FIRST_FRAME_MAIN, ...stated], {
    stdio: "pipe",
    env: {},
  });
  child.stdin.end(film.bytes);
  return pixelsOf(child, film);
};

/** With the `ffmpeg` program. The film is put on disk for as long as it takes, for its index may be at its end. */
export function frameWithProgram(command = "ffmpeg"): FrameProcess {
  return async (film) => {
    const folder = await mkdtemp(join(tmpdir(), "rivulet-frame-"));
    try {
      const file = join(folder, "film");
      await writeFile(file, film.bytes, { mode: 0o600 });
      const quiet = ["-nostdin", "-hide_banner", "-loglevel", "error"];
      // Format and protocols are named, so that nothing in the file can make it open other files or addresses.
      const limits = ["-protocol_whitelist", "file,pipe", "-max_pixels", mostPixels(film)];
      const input = ["-noautorotate", "-f", "mov", "-i", file, "-map", "0:v:0"];
      const wanted = ["-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "pipe:1"];
      const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
      return await pixelsOf(spawn(command, [...quiet, ...limits, ...input, ...wanted], { stdio }), film);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}

/** What a child writes, up to one byte more than the stated size has. However this ends, the child is gone then. */
async function pixelsOf(child: ChildProcess, { width, height, signal }: FilmFile): Promise<Uint8Array> {
  using codec = watchCodec("decoder", child, signal);
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of child.stdout ?? []) {
    signal.throwIfAborted();
    pieces.push(piece);
    length += piece.length;
    if (length > width * height * 3) return Buffer.concat(pieces);
    codec.goesOn();
  }
  await codec.succeeded();
  return Buffer.concat(pieces);
}
