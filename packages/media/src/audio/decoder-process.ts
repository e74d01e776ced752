import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Samples a second of decoded audio, which is what speech models hear. */
export const SAMPLE_RATE = 16_000;
/** How a decoding process ends when there is no library to decode with. */
export const DECODER_MISSING = 69;

/** There is nothing here to decode with. */
export class DecoderMissing extends Error {}

/** The decoder could not make audio of the file; the message tells what it wrote. */
export class DecoderFailed extends Error {}

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

/** A decoder that writes nothing for so long has met a file that holds it for ever; most write within a tenth of a second. */
const STALLED_AFTER_MS = 60_000;
/** Of what a decoder says about why it failed. */
const MAX_REASON_CHARS = 300;

/** What a child writes, as fast as it is taken. However this ends, the child is gone then. */
async function* output(child: ChildProcess, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  const { stdout, stderr } = child;
  const ended = once(child, "close").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? new DecoderMissing(error.message) : error;
  });
  ended.catch(() => {}); // it may fail before it is waited for
  let said = "";
  stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-MAX_REASON_CHARS * 4);
  });
  const kill = () => void child.kill("SIGKILL");
  let stalled = setTimeout(kill, STALLED_AFTER_MS);
  signal.addEventListener("abort", kill, { once: true });
  try {
    for await (const piece of stdout ?? []) {
      signal.throwIfAborted();
      clearTimeout(stalled);
      yield piece;
      stalled = setTimeout(kill, STALLED_AFTER_MS);
    }
    const [code, by] = await ended;
    signal.throwIfAborted();
    if (code === DECODER_MISSING) throw new DecoderMissing(said.trim());
    if (code !== 0) throw new DecoderFailed(code === null ? `the decoder was ended by ${by}` : reasonOf(said));
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
