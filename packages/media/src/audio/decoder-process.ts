import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { watchCodec } from "../codec-process.ts";

/** Samples a second of decoded audio, which is what speech models hear. */
export const SAMPLE_RATE = 16_000;

/** A file, the name the FFmpeg libraries have for its format, and a signal that ends the decoding. */
export interface Encoded {
  readonly bytes: Uint8Array;
  readonly format: string;
  readonly signal: AbortSignal;
}

/** Decodes a file to 16-bit samples of one channel at `SAMPLE_RATE`, in pieces that may end within a sample. */
export type DecoderProcess = (file: Encoded) => AsyncGenerator<Buffer, void, undefined>;

const LIBAV_MAIN = fileURLToPath(new URL("./libav-main.ts", import.meta.url));

/** With the optional library, in a process of its own. The file goes in through a pipe and never touches a disk. */
export const decodeWithLibrary: DecoderProcess = async function* ({ bytes, format, signal }) {
  // An empty environment: what reads strangers' files has no need to know this process's secrets.
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", LIBAV_MAIN, format], {
    stdio: "pipe",
    env: {},
  });
  child.stdin.on("error", () => {}); // a child that ends before it has read all: how it ended says why
  child.stdin.end(bytes);
  yield* output(child, signal);
};

/**
 * With the `ffmpeg` program. The file is put on disk for as long as it takes, because some formats keep at their end what
 * is needed at the beginning.
 */
export function decodeWithProgram(command = "ffmpeg"): DecoderProcess {
  return async function* ({ bytes, format, signal }) {
    const folder = await mkdtemp(join(tmpdir(), "rivulet-audio-"));
    try {
      const file = join(folder, "file");
      await writeFile(file, bytes, { mode: 0o600 });
      const quiet = ["-nostdin", "-hide_banner", "-loglevel", "error"];
      // Format and protocols are named, so that nothing in the file can make it open other files or addresses.
      const input = ["-protocol_whitelist", "file,pipe", "-f", format, "-i", file, "-map", "0:a:0"];
      const wanted = ["-ac", "1", "-ar", String(SAMPLE_RATE), "-f", "s16le", "pipe:1"];
      yield* output(spawn(command, [...quiet, ...input, ...wanted], { stdio: ["ignore", "pipe", "pipe"] }), signal);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}

/** What a child writes, as fast as it is taken. However this ends, the child is gone then. */
async function* output(child: ChildProcess, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  using codec = watchCodec("decoder", child, signal);
  for await (const piece of child.stdout ?? []) {
    signal.throwIfAborted();
    codec.held();
    yield piece;
    codec.goesOn();
  }
  await codec.succeeded();
}
