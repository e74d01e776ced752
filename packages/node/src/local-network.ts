import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, ms, type Randomness, RivuletError, randomId, type Startable } from "@rivulet/primitives";
import { z } from "zod";
import { NodeProcess } from "./node-process.ts";
import type { ProgressLines } from "./progress.ts";
import { JOB_STORY } from "./roles/gateway.ts";
import type { StarterModel } from "./starter-models.ts";

export interface LocalNetworkOptions {
  readonly models: readonly StarterModel[];
  /** The program and its first arguments, of which each node is a process. */
  readonly program: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logLevel: string;
}

export interface LocalNetworkPorts {
  readonly progress: ProgressLines;
  readonly randomness: Randomness;
  readonly clock: Clock;
}

/** What is looked at again this often is on this machine, and somebody waits for it. */
const POLL = ms(100);
/** More than anybody asks for at once. */
const MAX_STORIES = 100;

const networkAnswer = z.object({
  orchestrators: z.array(z.object({ models: z.array(z.object({ model: z.string(), warm: z.boolean() })) })),
});

const jobStory = z.object({
  requestId: z.string(),
  considered: z.array(
    z.object({ orchestrator: z.string(), isWarm: z.boolean(), state: z.string(), score: z.number() }),
  ),
  attempts: z.array(z.object({ orchestrator: z.string(), isWarm: z.boolean(), why: z.string() })),
});

/** How the orchestrators stood when a job came, and which were tried and why. */
export type JobStory = z.output<typeof jobStory>;

/** An orchestrator of the local network, as its story tells of it. */
export interface LocalOrchestrator {
  readonly name: string;
  readonly address: string;
  readonly how: string;
}

/**
 * A whole network on loopback, each node a process: a gateway, orchestrator A with a runner of its own, and orchestrator
 * B whose jobs are done by a worker. Ports are free ones; everything else is in one temporary directory.
 *
 * Owns the processes and the directory. `stop` ends the gateway first, so that nobody asks nodes that are going.
 */
export class LocalNetwork implements Startable {
  readonly #options: LocalNetworkOptions;
  readonly #ports: LocalNetworkPorts;
  readonly #nodes: NodeProcess[] = [];
  readonly #stopping = new AbortController();
  #directory: string | undefined;
  #started: Promise<void> | undefined;
  #gateway: NodeProcess | undefined;
  #orchestrators: readonly LocalOrchestrator[] = [];
  readonly #stories: JobStory[] = [];
  #missing = 0;

  constructor(options: LocalNetworkOptions, ports: LocalNetworkPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  /** Where applications find the gateway. */
  get gateway(): string {
    return this.#gateway?.address ?? "";
  }

  get orchestrators(): readonly LocalOrchestrator[] {
    return this.#orchestrators;
  }

  /** Throws `node.cannot-start` with the last lines of a node that failed. */
  async start(): Promise<void> {
    this.#started = this.#startAll();
    await this.#started;
  }

  /**
   * Resolves when the gateway knows every orchestrator with every model in memory. What is still missing is told by
   * `missing`.
   */
  async warm(signal: AbortSignal): Promise<void> {
    for (;;) {
      this.#missing = this.#orchestrators.length * this.#options.models.length - (await this.#countWarm(signal));
      if (this.#missing <= 0) return;
      await this.#ports.clock.sleep(POLL, signal);
    }
  }

  /** Models that are not in memory yet, as far as `warm` has seen. */
  get missing(): number {
    return this.#missing;
  }

  /** The gateway's story of a job, by the request id in its answer. */
  async storyOf(requestId: string, signal: AbortSignal): Promise<JobStory> {
    for (;;) {
      const found = this.#stories.find((story) => story.requestId === requestId);
      if (found !== undefined) return found;
      await this.#ports.clock.sleep(POLL, signal);
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new RivuletError("node.stopping", {}));
    // In the opposite order of their start.
    for (const node of this.#nodes.toReversed()) await node.stop();
    await this.#started?.catch(() => {});
    this.#remove();
  }

  /** Ends every process at once and removes what they wrote. */
  abandon(): void {
    for (const node of this.#nodes) node.kill();
    this.#remove();
  }

  async #startAll(): Promise<void> {
    const { progress } = this.#ports;
    const directory = mkdtempSync(join(tmpdir(), "rivulet-"));
    this.#directory = directory;
    const secret = this.#write("secret", randomId(this.#ports.randomness));
    const models = this.#write("aiModels.json", JSON.stringify(this.#options.models.map(asWarmModel)));
    const defaults = this.#write("defaults.json", JSON.stringify(defaultsOf(this.#options.models)));

    const [a, b] = await progress.step("starting two orchestrators", () =>
      Promise.all([
        this.#launch("orchestrator A", [
          "orchestrator",
          "-serviceAddr=127.0.0.1:0",
          "-httpAddr=127.0.0.1:0",
          "-aiWorker",
          `-aiModels=${models}`,
        ]),
        this.#launch("orchestrator B", [
          "orchestrator",
          "-serviceAddr=127.0.0.1:0",
          "-httpAddr=127.0.0.1:0",
          `-orchSecret=file:${secret}`,
        ]),
      ]),
    );
    const [gateway] = await progress.step("starting the gateway, and the worker of orchestrator B", () =>
      Promise.all([
        this.#launch("gateway", [
          "gateway",
          "-httpAddr=127.0.0.1:0",
          `-orchAddr=${a.address},${b.address}`,
          `-modelDefaults=${defaults}`,
          "-discoveryInterval=1s",
          "-logLevel=debug",
        ]),
        this.#launch("worker", [
          "worker",
          `-orchAddr=${b.address}`,
          `-orchSecret=file:${secret}`,
          `-aiModels=${models}`,
        ]),
      ]),
    );
    this.#gateway = gateway;
    this.#listen(gateway);
    this.#orchestrators = [
      { name: "A", address: a.address, how: "a runner on its own machine" },
      { name: "B", address: b.address, how: "a worker does its jobs" },
    ];
  }

  async #countWarm(signal: AbortSignal): Promise<number> {
    const answer = await fetch(`${this.gateway}/network`, { signal });
    const { orchestrators } = networkAnswer.parse(await answer.json());
    return orchestrators.flatMap(({ models }) => models).filter(({ warm, model }) => warm && this.#isOurs(model))
      .length;
  }

  #isOurs(model: string): boolean {
    return this.#options.models.some(({ id }) => id === model);
  }

  /** Remembers the stories of the gateway's last jobs. */
  #listen(gateway: NodeProcess): void {
    gateway.onEvent(({ event, ["record"]: record }) => {
      if (event !== JOB_STORY) return;
      const story = jobStory.safeParse(JSON.parse(String(record)));
      if (story.success) this.#stories.push(story.data);
      if (this.#stories.length > MAX_STORIES) this.#stories.shift();
    });
  }

  async #launch(name: string, [role = "", ...args]: readonly string[]): Promise<NodeProcess> {
    this.#stopping.signal.throwIfAborted();
    const key = name.replaceAll(" ", "-").toLowerCase();
    const { program, env, logLevel } = this.#options;
    const directory = this.#directory ?? "";
    const node = new NodeProcess({
      name,
      program,
      args: [role, `-logLevel=${logLevel}`, `-dataDir=${join(directory, key)}`, ...args],
      env,
      logFile: join(directory, `${key}.log`),
    });
    this.#nodes.push(node);
    await node.start();
    this.#stopping.signal.throwIfAborted();
    return node;
  }

  #write(name: string, text: string): string {
    const file = join(this.#directory ?? "", name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  #remove(): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true, maxRetries: 3 });
    this.#directory = undefined;
  }
}

function asWarmModel(model: StarterModel): Record<string, unknown> {
  return { pipeline: model.pipeline, model_id: model.id, warm: true, repo: model.directory };
}

/** The gateway's table: which model, and which size, steps and guidance, when the application names none. */
function defaultsOf(models: readonly StarterModel[]): Record<string, unknown> {
  return Object.fromEntries(
    models.map(({ pipeline, id, defaults }) => [pipeline, { model: id, models: { [id]: defaults } }]),
  );
}
