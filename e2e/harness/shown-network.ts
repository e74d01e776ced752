import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { at } from "./ask.ts";
import { Start } from "./start.ts";

/** How long a machine with other work may take to show everything once. */
const SHOWN_MS = 600_000;

/** The network that `npm start` leaves running once it has shown everything: every starter model, paid for. */
export class ShownNetwork implements AsyncDisposable {
  /** Where its results lie. */
  readonly folder = mkdtempSync(join(tmpdir(), "rivulet-shown-"));
  readonly #start = new Start("--json", "--folder", this.folder);
  #told: unknown;

  static async open(): Promise<ShownNetwork> {
    const network = new ShownNetwork();
    const end = performance.now() + SHOWN_MS;
    while (!network.#start.stdout.includes("\n")) {
      if (performance.now() > end || network.#start.child.exitCode !== null) {
        await network[Symbol.asyncDispose]();
        throw new Error(`npm start has shown nothing:\n${network.#start.stderr}`);
      }
      await sleep(100);
    }
    network.#told = JSON.parse(network.#start.stdout.trim());
    return network;
  }

  /** Where applications find its gateway. */
  get address(): string {
    return String(at(this.#told, "gateway"));
  }

  /** A file of the results. */
  file(name: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(readFileSync(join(this.folder, name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#start.controlC();
    await this.#start.exited();
    this.#start[Symbol.dispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
