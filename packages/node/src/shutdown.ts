import { constants } from "node:os";
import { isError, type Logger, type Milliseconds, RivuletError, type Startable } from "@rivulet/primitives";

/** What a process does with its end: signals, a parent that has gone, a role that broke. */
export interface ShutdownOptions {
  /** How long stopping in order may take before the process ends anyway. */
  readonly limit: Milliseconds;
  /** Stop when standard input closes: it is a pipe from the program that started this one. */
  readonly withParent: boolean;
}

export interface ShutdownPorts {
  readonly process: Pick<NodeJS.Process, "on" | "off" | "stdin" | "exit">;
  readonly log: Logger;
  /** Ends at once whatever must not outlive this process; called when there is no time left. */
  readonly abandon?: () => void;
  /** What SIGHUP asks for where no terminal can be gone; without it SIGHUP stops. */
  readonly hangup?: () => void;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs `node` until it is told to stop, and resolves to the exit code.
 *
 * The first signal stops in order, also while `start` is under way; the second, or the limit, ends the process at once.
 * Exit codes: 0 after a stop that was asked for by SIGTERM or the parent, 128 + number for SIGINT and SIGHUP, 1 when
 * the node could not start. `ready` runs once the node has started; when it resolves to a number the node stops by
 * itself with that exit code.
 */
export async function runUntilStopped(
  node: Startable,
  options: ShutdownOptions,
  ports: ShutdownPorts,
  ready: (stopping: AbortSignal) => Promise<number | undefined> = async () => undefined,
): Promise<number> {
  const stopping = new AbortController();
  let exitCode: number | undefined;
  let asked = 0;
  let limit: NodeJS.Timeout | undefined;

  const end = (code: number) => {
    ports.abandon?.();
    ports.process.exit(code);
  };
  const stop = (code: number, reason: string) => {
    asked += 1;
    if (asked > 1) return end(exitCode ?? code);
    exitCode = code;
    ports.log.debug("stopping", { reason });
    limit = setTimeout(() => {
      ports.log.warn("stopping took too long", { limitMs: options.limit });
      end(code);
    }, options.limit);
    stopping.abort(new RivuletError("node.stopping", { reason }));
  };
  const onSignal = (signal: NodeJS.Signals) => {
    if (signal === "SIGHUP" && ports.hangup !== undefined) ports.hangup();
    else stop(exitCodeOf(signal), signal);
  };
  const onParentGone = () => stop(0, "the parent has gone");

  for (const signal of SIGNALS) ports.process.on(signal, onSignal);
  if (options.withParent) {
    ports.process.stdin.on("end", onParentGone).on("error", onParentGone).resume();
  }
  const stopped = new Promise<void>((resolve) => {
    stopping.signal.addEventListener("abort", () => resolve(), { once: true });
  });

  try {
    const started = node.start().then(() => ready(stopping.signal));
    // A start that fails because it was told to stop is not a failure.
    const finished = started.catch((error: unknown) => {
      if (stopping.signal.aborted || isError(error, "node.stopping")) return undefined;
      throw error;
    });
    const result = await Promise.race([finished, stopped]);
    if (typeof result === "number") exitCode ??= result;
    else if (!stopping.signal.aborted) await stopped;
    await node.stop();
    await finished;
  } catch (error) {
    await node.stop();
    throw error;
  } finally {
    clearTimeout(limit);
    for (const signal of SIGNALS) ports.process.off(signal, onSignal);
    if (options.withParent) ports.process.stdin.pause();
  }
  return exitCode ?? 0;
}

function exitCodeOf(signal: NodeJS.Signals): number {
  return signal === "SIGTERM" ? 0 : 128 + constants.signals[signal];
}
