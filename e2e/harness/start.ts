import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { Leftovers } from "./leftovers.ts";
import { ROOT } from "./stage.ts";

/** `npm start`, as a stranger's shell runs it: a process group of its own that a terminal would signal as a whole. */
export class Start implements Disposable {
  readonly leftovers = new Leftovers();
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly #exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;

  constructor(...args: readonly string[]) {
    this.child = spawn("npm", ["start", "--silent", "--", ...args], {
      cwd: ROOT,
      env: this.leftovers.env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.child.stdout?.on("data", (text) => {
      this.stdout += text;
    });
    this.child.stderr?.on("data", (text) => {
      this.stderr += text;
    });
    this.#exited = new Promise((resolve) => this.child.once("close", (code, signal) => resolve({ code, signal })));
  }

  /** What a terminal does at Ctrl-C: everybody in the foreground group gets the signal. */
  controlC(): void {
    try {
      process.kill(-(this.child.pid ?? 0), "SIGINT");
    } catch {
      // There is nobody left to get it.
    }
  }

  async exited(limitMs = 60_000) {
    const late = sleep(limitMs, "late" as const, { ref: false });
    const how = await Promise.race([this.#exited, late]);
    if (how === "late") throw new Error(`still running:\n${this.leftovers.processes().join("\n")}\n${this.stderr}`);
    return how;
  }

  async says(text: string | RegExp): Promise<void> {
    while (!(typeof text === "string" ? this.stderr.includes(text) : text.test(this.stderr))) {
      if (this.child.exitCode !== null) throw new Error(`it ended without saying ${text}:\n${this.stderr}`);
      await sleep(20);
    }
  }

  [Symbol.dispose](): void {
    this.leftovers[Symbol.dispose]();
  }
}
