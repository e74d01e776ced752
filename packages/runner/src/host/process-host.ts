import { spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { invariant, type Logger } from "@rivulet/primitives";
import { ProcessOutput } from "../process-output.ts";
import { started } from "../started.ts";
import { FITS_WHEN } from "./fits-when.ts";
import { frameChannel } from "./frames.ts";
import type { FromHost, HostLauncher, ToHost } from "./messages.ts";

const HOST_MAIN = fileURLToPath(new URL("./host-main.ts", import.meta.url));

/** What it usually means that a process ends so, for whoever has to do something about it. */
const MEANINGS: Partial<Readonly<Record<NodeJS.Signals, string>>> = {
  SIGKILL: `, which is how a system ends processes when memory is short: ${FITS_WHEN}`,
};

/** The module of all pipelines' implementations; it exports `implementations`. */
export const ALL_IMPLEMENTATIONS = new URL("../pipelines/index.ts", import.meta.url);

/**
 * Model hosts that are child processes: inference holds a thread for seconds and cannot be interrupted, memory is
 * really given back only when a process ends, and a crash takes nobody with it.
 */
export function processLauncher(options: { readonly implementations: URL; readonly log: Logger }): HostLauncher {
  return {
    launch() {
      // The fourth descriptor is one end of a socket pair. Nothing may write to standard output but a runner itself.
      const child = started(
        spawn(
          process.execPath,
          ["--disable-warning=ExperimentalWarning", HOST_MAIN, options.implementations.href, String(process.pid)],
          { stdio: ["ignore", "ignore", "pipe", "pipe"] },
        ),
      );
      const [, , , line] = child.stdio;
      invariant(line instanceof Duplex && child.stderr !== null, "a spawned host has its pipes");
      const output = new ProcessOutput(child.stderr, options.log);
      const exited = Promise.withResolvers<{ reason: string }>();
      child.once("close", (code, signal) => {
        const how = signal === null ? `exit ${code}` : `signal ${signal}${MEANINGS[signal] ?? ""}`;
        exited.resolve({ reason: output.tail === "" ? how : `${how}: ${output.tail}` });
      });
      return {
        channel: frameChannel<ToHost, FromHost>(line),
        kill: () => void child.kill("SIGKILL"),
        exited: exited.promise,
      };
    },
  };
}
