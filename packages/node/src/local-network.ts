import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, ms, type Randomness, RivuletError, randomId, type Startable, seconds } from "@rivulet/primitives";
import { z } from "zod";
import { type LocalBalances, LocalMoney, type LocalMoneyOptions, type LocalParty, localPrice } from "./local-money.ts";
import { type NodeEnd, NodeProcess } from "./node-process.ts";
import type { ProgressLines } from "./progress.ts";
import { JOB_STORY } from "./roles/gateway.ts";
import type { StarterModel } from "./starter-models.ts";

/** A model that both orchestrators of the local network offer. */
export interface LocalModel extends StarterModel {
  /** In memory from the start; otherwise loaded with the first job that asks for it. */
  readonly isWarm: boolean;
}

export interface LocalNetworkOptions {
  readonly models: readonly LocalModel[];
  /** The program and its first arguments, of which each node is a process. */
  readonly program: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logLevel: string;
  /** How jobs are paid; absent when they are not. */
  readonly money?: LocalMoneyOptions | undefined;
}

export interface LocalNetworkPorts {
  readonly progress: ProgressLines;
  readonly randomness: Randomness;
  readonly clock: Clock;
}

/** What orchestrators log of their tickets. */
const TICKETS_WON = "tickets won";
const WINNER_REDEEMED = "winner redeemed";
const WINNER_LOST = "winner lost";
/** Blocks: ticket parameters are good for 40 of them. Source: payments-and-chain 4.5. */
const PAST_EXPIRY = 41n;

/** What is looked at again this often is on this machine, and somebody waits for it. */
const POLL = ms(100);
/** More than anybody asks for at once. */
const MAX_STORIES = 100;
/** A broken line is seen before the end of the process that broke it, but not by more than this. */
const NOTICED_AFTER = seconds(1);

const networkAnswer = z.object({
  orchestrators: z.array(z.object({ models: z.array(z.object({ model: z.string(), warm: z.boolean() })) })),
});

const payment = z.object({
  price: z.string(),
  units: z.string(),
  fee: z.string(),
  tickets: z.number(),
  expectedValue: z.string(),
});

/** A winning ticket that was paid, in wei, as its orchestrator tells it. */
const redemption = z.object({
  transaction: z.string(),
  faceValue: z.coerce.bigint(),
  paid: z.coerce.bigint(),
  gasCost: z.coerce.bigint(),
});
export type LocalRedemption = z.output<typeof redemption>;

const jobStory = z.object({
  requestId: z.string(),
  considered: z.array(
    z.object({ orchestrator: z.string(), isWarm: z.boolean(), state: z.string(), score: z.number() }),
  ),
  attempts: z.array(
    z.object({
      orchestrator: z.string(),
      isWarm: z.boolean(),
      why: z.string(),
      /** How it was drawn; absent when nothing was. */
      draw: z.unknown().optional(),
    }),
  ),
  /** In wei; prices and fees are exact, as fractions where they have to be. */
  payment: payment.optional(),
});

/** How the orchestrators stood when a job came, and which were tried and why. */
export type JobStory = z.output<typeof jobStory>;

/** How a job was paid, and what the chain said before and after it. */
export interface LocalPayment extends z.output<typeof payment> {
  /** Tickets of the network that won since it was told how the job before was paid; likewise the rest. */
  readonly winners: number;
  readonly redeemed: readonly LocalRedemption[];
  readonly before: LocalBalances;
  readonly after: LocalBalances;
}

/** An orchestrator of the local network, as its story tells of it. */
export interface LocalOrchestrator {
  readonly name: "A" | "B";
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
  readonly #broken = new AbortController();
  #directory: string | undefined;
  #started: Promise<void> | undefined;
  #gateway: NodeProcess | undefined;
  #orchestrators: readonly LocalOrchestrator[] = [];
  readonly #stories: JobStory[] = [];
  readonly #money: LocalMoney | undefined;
  readonly #redeemed: LocalRedemption[] = [];
  #winners = 0;
  #lost = 0;
  #before: LocalBalances | undefined;
  #missing = 0;

  constructor(options: LocalNetworkOptions, ports: LocalNetworkPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#money = options.money === undefined ? undefined : new LocalMoney(options.money, ports);
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
   * Does something with the network. The signal it is given aborts when `signal` does, and when a node ends: then this
   * throws `node.ended` with the node's last lines, whatever came of it otherwise.
   */
  async use<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const broken = this.#broken.signal;
    try {
      return await work(AbortSignal.any([signal, broken]));
    } catch (error) {
      await this.#ports.clock.sleep(NOTICED_AFTER, AbortSignal.any([signal, broken])).catch(() => {});
      throw broken.aborted ? broken.reason : error;
    }
  }

  /**
   * Resolves when the gateway knows every orchestrator with every model, the warm ones in memory. What is still missing is
   * told by `missing`.
   */
  async warm(signal: AbortSignal): Promise<void> {
    for (;;) {
      this.#missing = this.#orchestrators.length * this.#options.models.length - (await this.#countReady(signal));
      if (this.#missing <= 0) return;
      await this.#ports.clock.sleep(POLL, signal);
    }
  }

  /** Models that are not there yet, as far as `warm` has seen. */
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

  /**
   * How a job was paid; `undefined` when nobody pays. Where tickets are sure to win, it waits until the winners are redeemed
   * or lost, for which the chain steps past the expiry of their parameters.
   */
  async paymentOf({ payment: told }: JobStory, signal: AbortSignal): Promise<LocalPayment | undefined> {
    const money = this.#money;
    if (money === undefined || told === undefined || this.#before === undefined) return undefined;
    if (this.#options.money?.wins === true && told.tickets > 0) {
      await this.#until(() => this.#winners > 0, signal);
      await money.mine(PAST_EXPIRY);
      // The chain goes on until nobody doubts the redemption any more.
      await this.#until(
        () => this.#redeemed.length + this.#lost >= this.#winners,
        signal,
        () => money.mine(1n),
      );
    }
    const [before, after] = [this.#before, await money.balances()];
    this.#before = after;
    const winners = this.#winners;
    this.#winners = 0;
    this.#lost = 0;
    const expectedValue = weiText(told.expectedValue);
    return { ...told, expectedValue, winners, redeemed: this.#redeemed.splice(0), before, after };
  }

  /** Where the chain is reached; `undefined` when nobody pays. */
  get chain(): string | undefined {
    return this.#money?.url;
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new RivuletError("node.stopping", {}));
    // In the opposite order of their start.
    for (const node of this.#nodes.toReversed()) await node.stop();
    await this.#started?.catch(() => {});
    await this.#money?.stop();
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
    const models = this.#write("aiModels.json", JSON.stringify(this.#options.models.map(asOffer)));
    const defaults = this.#write("defaults.json", JSON.stringify(defaultsOf(this.#options.models)));

    const money = this.#money;
    if (money !== undefined) await progress.step("starting a chain", () => money.start());
    const flags = async (party: LocalParty) => (await money?.flags(party, directory)) ?? [];
    const [a, b] = await progress.step("starting two orchestrators", async () => {
      // Before the first node runs: one that ended while the other's were awaited would fail unheard.
      const [ofA, ofB] = [await flags("A"), await flags("B")];
      return Promise.all([
        this.#launch("orchestrator A", [
          "orchestrator",
          ...ofA,
          "-serviceAddr=127.0.0.1:0",
          "-httpAddr=127.0.0.1:0",
          "-aiWorker",
          `-aiModels=${models}`,
        ]),
        this.#launch("orchestrator B", [
          "orchestrator",
          ...ofB,
          "-serviceAddr=127.0.0.1:0",
          "-httpAddr=127.0.0.1:0",
          `-orchSecret=file:${secret}`,
          // What its worker does is sold at the prices that stand there.
          ...(money === undefined ? [] : [`-aiModels=${models}`]),
        ]),
      ]);
    });
    for (const node of [a, b]) this.#hearMoney(node);
    if (money !== undefined)
      await progress.step("registering them on the chain", () => money.register({ A: a.address, B: b.address }));
    const [gateway] = await progress.step("starting the gateway, and the worker of orchestrator B", async () =>
      Promise.all([
        this.#launch("gateway", [
          "gateway",
          "-httpAddr=127.0.0.1:0",
          // On a chain they are found there.
          ...(money === undefined ? [`-orchAddr=${a.address},${b.address}`] : await flags("gateway")),
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
    this.#before = await money?.balances();
  }

  /** Counts what becomes of tickets at an orchestrator. */
  #hearMoney(orchestrator: NodeProcess): void {
    orchestrator.onEvent((event) => {
      if (event.event === TICKETS_WON) this.#winners += Number(event["tickets"]);
      if (event.event === WINNER_LOST) this.#lost += 1;
      if (event.event !== WINNER_REDEEMED) return;
      const told = redemption.safeParse(event);
      if (told.success) this.#redeemed.push(told.data);
    });
  }

  async #until(isSo: () => boolean, signal: AbortSignal, meanwhile = async () => {}): Promise<void> {
    while (!isSo()) {
      await meanwhile();
      await this.#ports.clock.sleep(POLL, signal);
    }
  }

  async #countReady(signal: AbortSignal): Promise<number> {
    const answer = await fetch(`${this.gateway}/network`, { signal });
    const { orchestrators } = networkAnswer.parse(await answer.json());
    return orchestrators.flatMap(({ models }) => models).filter((offer) => this.#isReady(offer)).length;
  }

  #isReady(offer: { readonly model: string; readonly warm: boolean }): boolean {
    return this.#options.models.some(({ id, isWarm }) => id === offer.model && (offer.warm || !isWarm));
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
    void node.exited.then((end) => this.#ended(node, end));
    this.#stopping.signal.throwIfAborted();
    return node;
  }

  #ended({ name }: NodeProcess, { how, said }: NodeEnd): void {
    if (this.#stopping.signal.aborted) return;
    const reason = `${name} (${how})${said}\nStart again; with -logLevel=debug it says more.`;
    this.#broken.abort(new RivuletError("node.ended", { reason }));
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

/** An exact fraction of wei as a decimal number, cut to a millionth: what tickets are worth has eighty digits. */
function weiText(fraction: string): string {
  const [numerator = "0", denominator = "1"] = fraction.split("/");
  const millionths = ((BigInt(numerator) * 1_000_000n) / BigInt(denominator)).toString().padStart(7, "0");
  const rest = millionths.slice(-6).replace(/0+$/, "");
  return `${millionths.slice(0, -6)}${rest === "" ? "" : `.${rest}`}`;
}

function asOffer({ pipeline, id, isWarm, directory }: LocalModel): Record<string, unknown> {
  return { pipeline, model_id: id, warm: isWarm, repo: directory, price_per_unit: `${localPrice(pipeline)}` };
}

/** The gateway's table: which model, and which size, steps and guidance, when the application names none. */
function defaultsOf(models: readonly StarterModel[]): Record<string, unknown> {
  return Object.fromEntries(
    models.map(({ pipeline, id, defaults }) => [pipeline, { model: id, models: { [id]: defaults } }]),
  );
}
