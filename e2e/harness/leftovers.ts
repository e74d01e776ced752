import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The environment variable by which processes of one test are told from all others, whoever started them. */
const MARK = "RIVULET_E2E_MARK";

/**
 * Everything that the processes of a test may leave behind: themselves, what they wrote to the temporary directory, and
 * their ports.
 */
export class Leftovers implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "rivulet-e2e-"));
  readonly #mark = `${process.pid}-${Math.trunc(performance.now() * 1000)}`;

  /** The environment for the test's processes; their children inherit it. */
  get env(): Record<string, string | undefined> {
    // npm would keep its own cache among the temporary files.
    const cache = join(import.meta.dirname, "../../node_modules/.cache/node");
    return { ...process.env, NODE_OPTIONS: "", NODE_COMPILE_CACHE: cache, TMPDIR: this.directory, [MARK]: this.#mark };
  }

  /** Process ids and command lines of what still runs. */
  processes(): readonly string[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => read(`/proc/${pid}/environ`).split("\0").includes(`${MARK}=${this.#mark}`))
      .filter((pid) => !read(`/proc/${pid}/stat`).includes(") Z "))
      .map((pid) => `${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim()}`);
  }

  files(): readonly string[] {
    return readdirSync(this.directory);
  }

  /** Waits until nothing runs any more, and returns what still does when that takes too long. */
  async remaining(limitMs = 5000): Promise<readonly string[]> {
    const end = performance.now() + limitMs;
    while (this.processes().length > 0 && performance.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 50));
    return this.processes();
  }

  /** Ends what a failed test left running, so that the next one has the machine. */
  [Symbol.dispose](): void {
    for (const line of this.processes()) {
      try {
        process.kill(Number(line.split(":")[0]), "SIGKILL");
      } catch {
        // It has ended in the meantime.
      }
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Whether somebody listens at an address. */
export function isListening(address: string): Promise<boolean> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
