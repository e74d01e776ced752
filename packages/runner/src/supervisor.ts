import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  type Clock,
  deadline,
  invariant,
  type Logger,
  type Milliseconds,
  minutes,
  ms,
  RivuletError,
  type Startable,
  seconds,
} from "@rivulet/primitives";
import { ProcessOutput } from "./process-output.ts";
import type { RunnerSettings } from "./runner-settings.ts";
import { started } from "./started.ts";

export interface RunnerProcessPorts {
  readonly clock: Clock;
  readonly fetch: typeof fetch;
  readonly log: Logger;
}

/** `restarting` includes the pause before the next try. */
export type RunnerProcessState = "starting" | "running" | "restarting" | "stopped";

const RUNNER_MAIN = fileURLToPath(new URL("./runner-main.ts", import.meta.url));

/** From the start of the process to its open port; models load after that. */
const START_TIMEOUT: Milliseconds = seconds(30);
/** How often the runner is asked how it does, how long it may take, and how often it may fail. Source: runner-and-models 3.4. */
const WATCH_PERIOD: Milliseconds = seconds(5);
const WATCH_TIMEOUT: Milliseconds = seconds(5);
const WATCH_FAILURES = 2;
/** From the polite signal to the other one. Source: runner-and-models 3.4. */
const STOP_GRACE: Milliseconds = seconds(8);
/** The first restart is at once; the pauses before further ones double up to the longest. */
const PAUSE_FIRST: Milliseconds = seconds(1);
const PAUSE_LONGEST: Milliseconds = minutes(1);
/** A runner that lived this long was well: the next restart is a first one again. */
const WELL_AFTER: Milliseconds = minutes(1);

interface Running {
  readonly url: string;
  readonly exited: Promise<string>;
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

/**
 * A runner in a process of its own, seen from its owner: started, watched, and started again when it dies or stops
 * answering. Which models are warm is the runner's business; whether there is a runner is ours.
 *
 * `start` resolves when the first process listens, and throws `node.cannot-start` with its last words when it does not.
 * Later processes listen on the same port. `stop` resolves when neither the runner nor any of its model processes is left.
 *
 * Owns a process group and a timer. When the owner dies without stopping it, the runner sees its standard input close and
 * ends by itself.
 */
export class RunnerProcess implements Startable {
  readonly #settings: RunnerSettings;
  readonly #ports: RunnerProcessPorts;
  readonly #stopped = new AbortController();
  #state: RunnerProcessState = "stopped";
  #url: string | undefined;
  #supervision: Promise<void> = Promise.resolve();
  #whenRunning = Promise.withResolvers<void>();

  constructor(settings: RunnerSettings, ports: RunnerProcessPorts) {
    this.#settings = settings;
    this.#ports = ports;
    this.#whenRunning.promise.catch(() => {}); // nobody need wait
  }

  get state(): RunnerProcessState {
    return this.#state;
  }

  /** Where the runner listens, the same after every restart. Throws `runner.unavailable` before `start`. */
  get url(): string {
    if (this.#url === undefined) throw new RivuletError("runner.unavailable", { reason: "not started" });
    return this.#url;
  }

  /** Resolves when the runner is running, at once when it is. Rejects when it is stopped or could not be started. */
  whenRunning(): Promise<void> {
    return this.#whenRunning.promise;
  }

  async start(): Promise<void> {
    invariant(this.#state === "stopped" && !this.#stopped.signal.aborted, "a runner process starts once");
    this.#state = "starting";
    const first = this.#launch(this.#settings.port ?? 0);
    this.#supervision = first.then(
      (running) => this.#supervise(running),
      (error: unknown) => {
        this.#state = "stopped";
        this.#whenRunning.reject(error);
      },
    );
    await first;
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new RivuletError("node.stopping", {}));
    this.#state = "stopped";
    this.#whenRunning.reject(this.#stopped.signal.reason);
    await this.#supervision;
  }

  /** One process after the other, until stopped. */
  async #supervise(first: Running): Promise<void> {
    const { clock, log } = this.#ports;
    let running: Running | undefined = first;
    let failures = 0;
    for (;;) {
      if (running !== undefined) {
        const startedAt = clock.monotonic();
        const reason = await this.#untilUnwell(running);
        if (!this.#stopped.signal.aborted) {
          this.#state = "restarting";
          this.#whenRunning = Promise.withResolvers();
          this.#whenRunning.promise.catch(() => {}); // nobody need wait
        }
        await this.#end(running);
        if (this.#stopped.signal.aborted) return;
        if (clock.monotonic() - startedAt >= WELL_AFTER) failures = 0;
        log.error("runner ended", { reason, failures });
      }
      const pause = failures === 0 ? ms(0) : ms(Math.min(PAUSE_FIRST * 2 ** (failures - 1), PAUSE_LONGEST));
      failures++;
      await clock.sleep(pause, this.#stopped.signal).catch(() => {});
      if (this.#stopped.signal.aborted) return;
      running = await this.#launch(Number(new URL(this.url).port)).catch((error: unknown) => {
        log.error("runner not restarted", { reason: error instanceof Error ? error.message : String(error) });
        return undefined;
      });
    }
  }

  async #launch(port: number): Promise<Running> {
    const { log } = this.#ports;
    // A group of its own: a terminal's Ctrl-C reaches only the owner, and ending the group ends the model processes too.
    const child = started(
      spawn(process.execPath, ["--disable-warning=ExperimentalWarning", RUNNER_MAIN, "--owned"], {
        stdio: ["pipe", "pipe", "pipe"],
        detached: true,
      }),
    );
    const output = new ProcessOutput(child.stderr, log);
    const running = {
      exited: exitOf(child, output),
      // Politely to the runner, which ends its model processes itself; the other way to all of them.
      kill: (signal: "SIGTERM" | "SIGKILL") => (signal === "SIGKILL" ? killGroup(child) : void child.kill(signal)),
    };
    child.stdin.on("error", () => {}); // it died before it read them, which `exited` tells
    child.stdin.write(`${JSON.stringify({ ...this.#settings, port })}\n`);

    using limit = deadline(START_TIMEOUT, this.#stopped.signal);
    try {
      const url = await Promise.race([
        listeningUrl(child, limit),
        running.exited.then((reason) => {
          throw new RivuletError("node.cannot-start", { reason: `the runner ended: ${reason}` });
        }),
      ]);
      this.#url = url;
      this.#state = "running";
      this.#whenRunning.resolve();
      return { ...running, url };
    } catch (error) {
      running.kill("SIGKILL");
      await running.exited;
      throw error;
    }
  }

  /** Resolves with the reason when the process has died or no longer answers, and when this is stopped. */
  async #untilUnwell(running: Running): Promise<string> {
    const gone = new AbortController();
    const signal = AbortSignal.any([gone.signal, this.#stopped.signal]);
    const exited = running.exited.then((reason) => {
      gone.abort();
      return reason;
    });
    return Promise.race([exited, this.#watch(running, signal)]);
  }

  async #watch(running: Running, signal: AbortSignal): Promise<string> {
    for (let failures = 0; failures < WATCH_FAILURES; ) {
      try {
        await this.#ports.clock.sleep(WATCH_PERIOD, signal);
      } catch {
        return this.#stopped.signal.aborted ? "stopped" : running.exited;
      }
      failures = (await this.#answers(running, signal)) ? 0 : failures + 1;
    }
    return "it does not answer";
  }

  async #answers(running: Running, signal: AbortSignal): Promise<boolean> {
    using limit = deadline(WATCH_TIMEOUT, signal);
    try {
      const response = await this.#ports.fetch(`${running.url}/health`, { signal: limit });
      await response.arrayBuffer();
      return response.ok;
    } catch {
      return false;
    }
  }

  /** Ends a process and everything it started. */
  async #end(running: Running): Promise<void> {
    const over = new AbortController();
    running.kill("SIGTERM");
    void this.#ports.clock.sleep(STOP_GRACE, over.signal).then(
      () => running.kill("SIGKILL"),
      () => {},
    );
    await running.exited;
    over.abort();
    running.kill("SIGKILL"); // what is left of the group
  }
}

/** The address in the first line the process says. */
async function listeningUrl(child: ChildProcess, signal: AbortSignal): Promise<string> {
  invariant(child.stdout !== null, "a spawned runner has its pipes");
  const lines = createInterface({ input: child.stdout });
  const [line] = await once(lines, "line", { signal }).catch(() => {
    throw new RivuletError("node.cannot-start", { reason: "the runner did not open its port in time" });
  });
  child.stdout.resume();
  const said: unknown = JSON.parse(String(line));
  if (typeof said === "object" && said !== null && "listening" in said) return String(said.listening);
  throw new RivuletError("node.cannot-start", { reason: "the runner did not say where it listens" });
}

function exitOf(child: ChildProcess, output: ProcessOutput): Promise<string> {
  return new Promise((resolve) => {
    child.once("close", (code, signal) => {
      const how = signal === null ? `exit ${code}` : `signal ${signal}`;
      const said = output.lastError ?? output.tail;
      resolve(said === "" ? how : `${how}: ${said}`);
    });
  });
}

/** Ends a process and all it started. A group that is gone has nobody to end. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
