import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NodeProcess, type Role } from "@rivulet/node";
import { INSPECTED } from "./heap.ts";
import { Leftovers } from "./leftovers.ts";

/** The command line program, as a file that Node.js runs. */
export const MAIN = fileURLToPath(new URL("../../apps/rivulet/src/main.ts", import.meta.url));

/** The root of the repository, where a stranger stands. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export const SECRET = "a shared secret of this test";

/** How long the network may take to come into a state that a test waits for. */
const PATIENCE_MS = 60_000;

export interface NodeOptions {
  /** Where it keeps what it keeps, when it is to find it again. */
  readonly dataDir?: string;
  /** A module that is loaded before everything else. */
  readonly preload?: string;
}

/** Nodes of one test, as real processes. Disposing stops them and fails the test when anything of them is left. */
export class Stage implements AsyncDisposable {
  readonly leftovers = new Leftovers();
  readonly #nodes: NodeProcess[] = [];
  #names = 0;

  /** Starts a node and waits until it can be used. */
  async node(role: Role | "start", args: readonly string[], options: NodeOptions = {}): Promise<NodeProcess> {
    const node = this.prepare(role, args, options);
    await node.start();
    return node;
  }

  /** A node that has not started yet. */
  prepare(role: Role | "start", args: readonly string[], { dataDir, preload }: NodeOptions = {}): NodeProcess {
    this.#names += 1;
    const node = new NodeProcess({
      name: `${role} ${this.#names}`,
      program: [process.execPath, INSPECTED, ...(preload === undefined ? [] : ["--import", preload]), MAIN],
      args: [role, ...args, `-dataDir=${dataDir ?? this.path(`${role}-${this.#names}`)}`, "-logLevel=debug"],
      env: this.leftovers.env,
    });
    this.#nodes.push(node);
    return node;
  }

  orchestrator(args: readonly string[] = []): Promise<NodeProcess> {
    return this.node("orchestrator", ["-serviceAddr=127.0.0.1:0", "-httpAddr=127.0.0.1:0", ...args]);
  }

  worker(orchestrator: NodeProcess, args: readonly string[]): Promise<NodeProcess> {
    return this.node("worker", [`-orchAddr=${orchestrator.address}`, `-orchSecret=${SECRET}`, ...args]);
  }

  gateway(orchestrators: readonly (NodeProcess | string)[], args: readonly string[] = []): Promise<NodeProcess> {
    const addresses = orchestrators.map((each) => (typeof each === "string" ? each : each.address));
    return this.node("gateway", [
      "-httpAddr=127.0.0.1:0",
      `-orchAddr=${addresses.join(",")}`,
      "-discoveryInterval=1s",
      ...args,
    ]);
  }

  /** A path in the test's own directory. */
  path(name: string): string {
    return join(this.leftovers.directory, name);
  }

  write(name: string, text: string): string {
    const file = this.path(name);
    writeFileSync(file, text);
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      for (const node of this.#nodes.toReversed()) await node.stop();
      const left = await this.leftovers.remaining();
      if (left.length > 0) throw new Error(`still running after the test:\n${left.join("\n")}`);
    } finally {
      this.leftovers[Symbol.dispose]();
    }
  }
}

/** Looks again until `look` finds something. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
