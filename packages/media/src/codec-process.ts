import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { isOutOfMemory } from "@rivulet/primitives";

/** How a process ends in which the library is missing. */
export const CODEC_MISSING = 69;
/** A process that neither takes nor gives anything for so long will not any more; most take a tenth of a second. */
const STALLED_AFTER_MS = 60_000;
/** Of what a process says about why it failed. */
const MAX_REASON_CHARS = 300;

/** There is nothing here to encode or decode with. */
export class CodecMissing extends Error {}

/** The codec made nothing of what it was given; the message tells what it wrote. */
export class CodecFailed extends Error {}

/** A process that encodes or decodes, watched until it is gone. Disposing it kills the process. */
export interface CodecProcess extends Disposable {
  /** Settles with the process; rejects with `CodecMissing` when its program is not there. */
  readonly ended: Promise<unknown>;
  /** The process is not stalled as long as it is `held`, or since `goesOn` was called. */
  readonly held: () => void;
  readonly goesOn: () => void;
  /**
   * Waits for the end. Throws the signal's reason, `CodecMissing`, `CodecFailed` with what the process said, or an error
   * that tells of memory when it ended for want of it, which is not the file's fault.
   */
  succeeded(): Promise<void>;
}

/** Kills the child when `signal` aborts and when it stalls, and keeps the end of what it says. */
export function watchCodec(what: "decoder" | "encoder", child: ChildProcess, signal: AbortSignal): CodecProcess {
  const ended = once(child, "close").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? new CodecMissing(error.message) : error;
  });
  ended.catch(() => {}); // it may fail before it is waited for
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-MAX_REASON_CHARS * 4);
  });
  child.stdin?.on("error", () => {}); // a child that ends before it has read all: how it ended says why
  const kill = () => void child.kill("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  let hasStalled = false;
  const stall = () => {
    hasStalled = true;
    kill();
  };
  let stalled = setTimeout(stall, STALLED_AFTER_MS);
  const held = () => clearTimeout(stalled);
  return {
    ended,
    held,
    goesOn: () => {
      held();
      stalled = setTimeout(stall, STALLED_AFTER_MS);
    },
    async succeeded() {
      const [code, by] = await ended;
      signal.throwIfAborted();
      if (code === CODEC_MISSING) throw new CodecMissing(said.trim());
      if (code === 0) return;
      // Nobody but a system that is short of memory ends processes so.
      const isSacrificed = by === "SIGKILL" && !hasStalled;
      if (isSacrificed || isOutOfMemory(said)) throw new Error(`the ${what} ended: out of memory`);
      throw new CodecFailed(code === null ? `the ${what} was ended by ${by}` : reasonOf(said));
    },
    [Symbol.dispose]() {
      held();
      signal.removeEventListener("abort", kill);
      kill();
    },
  };
}

/** The line that names the error, of what may be a whole stack trace. */
function reasonOf(said: string): string {
  const lines = said.split("\n").map((line) => line.trim());
  const line = lines.find((text) => /^\w*Error: /.test(text)) ?? lines.findLast((text) => text !== "") ?? "";
  return line.replace(/^\w*Error: /, "").slice(0, MAX_REASON_CHARS);
}
