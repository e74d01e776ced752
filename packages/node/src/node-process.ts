import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { type Milliseconds, RivuletError, type Startable, seconds } from "@rivulet/primitives";

/** A line that a node wrote: its event and its facts. */
export interface NodeEvent {
  readonly event: string;
  readonly level: string;
  readonly [fact: string]: unknown;
}

export interface NodeProcessOptions {
  /** For people: `orchestrator A`. */
  readonly name: string;
  /** The program and its first arguments: Node.js and the command's file. */
  readonly program: readonly [string, ...string[]];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where its lines are kept; nowhere when left out. */
  readonly logFile?: string;
  /** How long it may take to stop in order. */
  readonly limit?: Milliseconds;
}

/** The line of standard output with which a node says that it can be used, and where: `ready gateway=http://…`. */
export function readyLine(roles: readonly { readonly role: string; readonly address: string }[]): string {
  return ["ready", ...roles.map(({ role, address }) => `${role}=${address}`)].join(" ");
}

/** What a ready line says, by role. */
function readReadyLine(line: string): ReadonlyMap<string, string> | undefined {
  const [first, ...pairs] = line.split(" ");
  if (first !== "ready") return undefined;
  return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}

/** How a node ended, and the last it said, for people. */
export interface NodeEnd {
  /** `exit code 1`, or `signal SIGKILL` and what that usually means. */
  readonly how: string;
  /** Its last lines, each on a line of its own behind a colon; empty when it said nothing. */
  readonly said: string;
}

/** Lines remembered for the reason of a failure, and those of them that are told. */
const MAX_TAIL = 40;
const MAX_TOLD = 8;
/** Of a line that is told; some hold whole records. */
const MAX_TOLD_CHARS = 200;

/** What it usually means that a node ends so, for whoever has to do something about it. */
const MEANINGS: Partial<Readonly<Record<NodeJS.Signals, string>>> = {
  SIGKILL: ", which is how a system ends processes when memory is short",
};

/** A node stops within its own limits; this is longer than all of them. */
const STOP_LIMIT = seconds(20);

/** Ports and runners open in a second or two; models load after that. On a machine with much else to do it takes longer. */
const START_LIMIT = seconds(60);

/**
 * A node as a process of its own. It gets a process group, so that a terminal's Ctrl-C reaches only us, and a pipe as
 * standard input, so that it stops when we are gone, however that happens.
 */
export class NodeProcess implements Startable {
  readonly #options: NodeProcessOptions;
  readonly #tail: string[] = [];
  readonly #ready = Promise.withResolvers<ReadonlyMap<string, string>>();
  readonly #exited = Promise.withResolvers<NodeEnd>();
  readonly #listeners = new Set<(event: NodeEvent) => void>();
  #child: ChildProcess | undefined;
  #log: WriteStream | undefined;
  #addresses: ReadonlyMap<string, string> | undefined;
  #inspector: string | undefined;

  constructor(options: NodeProcessOptions) {
    this.#options = options;
    // A node that fails before anybody waits for it is reported to whoever does.
    this.#ready.promise.catch(() => {});
  }

  get name(): string {
    return this.#options.name;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Where its first role can be reached. Only of a node that has started. */
  get address(): string {
    const [address] = this.addresses.values();
    return address ?? "";
  }

  /** Where each of its roles can be reached. Only of a node that has started. */
  get addresses(): ReadonlyMap<string, string> {
    if (this.#addresses !== undefined) return this.#addresses;
    throw new RivuletError("node.cannot-start", { reason: `${this.name} has not started` });
  }

  /** Where Node.js lets itself be inspected, when the program's arguments ask for it. */
  get inspector(): string | undefined {
    return this.#inspector;
  }

  /** Its last lines, oldest first. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  /** Resolves when the process has ended, in whatever way. */
  get exited(): Promise<NodeEnd> {
    return this.#exited.promise;
  }

  /** Calls `listener` with each event from now on. Returns how to stop. */
  onEvent(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when the node can be used. Throws `node.cannot-start` with its last lines when it ends before. */
  async start(): Promise<void> {
    const { program, args, env, logFile } = this.#options;
    const [command, ...first] = program;
    this.#log = logFile === undefined ? undefined : createWriteStream(logFile);
    const child = spawn(command, [...first, ...args, "-stopWithParent", "-logFormat=json"], {
      env: { ...env },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    this.#child = child;
    // What it cannot read any more, because it has ended, is no concern of ours.
    child.stdin.on("error", () => {});
    createInterface({ input: child.stdout }).on("line", (line) => {
      const addresses = readReadyLine(line);
      if (addresses !== undefined) this.#ready.resolve(addresses);
    });
    createInterface({ input: child.stderr }).on("line", (line) => this.#hear(line));
    child.once("error", (error) => this.#ended(error.message));
    child.once("close", (code, signal) =>
      this.#ended(signal === null ? `exit code ${code}` : `signal ${signal}${MEANINGS[signal] ?? ""}`),
    );
    const late = setTimeout(() => this.#fail(`did not become ready in ${START_LIMIT / 1000} s`), START_LIMIT);
    try {
      this.#addresses = await this.#ready.promise;
    } finally {
      clearTimeout(late);
    }
  }

  /** Asks it to stop, waits, and ends it when it takes too long. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => this.kill(), this.#options.limit ?? STOP_LIMIT);
    await this.#exited.promise;
    clearTimeout(timer);
  }

  /** Sends a signal to the node alone, as an operator would. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends it and all of its process group, now. */
  kill(): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // There is nobody left in the group.
    }
  }

  #hear(line: string): void {
    this.#log?.write(`${line}\n`);
    this.#tail.push(line);
    if (this.#tail.length > MAX_TAIL) this.#tail.shift();
    this.#inspector ??= /^Debugger listening on (ws:\S+)/.exec(line)?.[1];
    if (this.#listeners.size === 0) return;
    const event = findEvent(line);
    if (event === undefined) return;
    for (const listener of this.#listeners) listener(event);
  }

  #ended(how: string): void {
    this.#log?.end();
    this.#fail(`ended (${how})`);
    this.#exited.resolve({ how, said: this.#said });
  }

  /** Tells whoever waits for it to become ready why it will not, with its last words. */
  #fail(how: string): void {
    this.#ready.reject(new RivuletError("node.cannot-start", { reason: `${this.name} ${how}${this.#said}` }));
  }

  get #said(): string {
    const lines = this.#tail.flatMap((line) => findReadable(line) ?? []).slice(-MAX_TOLD);
    return lines.length === 0 ? "" : [":", ...lines].join("\n  ");
  }
}

function findEvent(line: string): NodeEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isEvent(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isEvent(value: unknown): value is NodeEvent {
  return (
    typeof value === "object" &&
    value !== null &&
    "event" in value &&
    typeof value.event === "string" &&
    "level" in value
  );
}

/** A line as a person would read it, unless it is there for those who look into one request. */
function findReadable(line: string): string | undefined {
  const event = findEvent(line);
  if (event === undefined) return line.slice(0, MAX_TOLD_CHARS);
  if (event.level === "debug") return undefined;
  const facts = Object.entries(event).filter(([name]) => !["event", "level", "time"].includes(name));
  const told = [event.event, ...facts.map(([name, value]) => `${name}=${value}`)];
  return told.join(" ").slice(0, MAX_TOLD_CHARS);
}
