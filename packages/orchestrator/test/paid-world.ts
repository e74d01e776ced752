import { keccak256, keySigner, recoverSigner } from "@rivulet/crypto";
import { encodePng, encodeWav } from "@rivulet/media";
import { Ledger, MemoryPaymentStore, Recipient, RedemptionQueue, SenderMonitor } from "@rivulet/payments";
import { batchPipelines, fieldsOf, imageToVideo, type Pipeline } from "@rivulet/pipelines";
import { Rational, type Startable, silentLogger, wei } from "@rivulet/primitives";
import { MemoryChain, OlderGateway, type OlderJob, seededRandomness, TestClock } from "@rivulet/testkit";
import { encodeFormData } from "@rivulet/wire";
import type { Executor, JobResult } from "../src/executor.ts";
import { MemoryExecutor } from "../src/executors/memory.ts";
import type { Gateways } from "../src/gateway-webhook.ts";
import { Listeners } from "../src/listeners.ts";
import type { PriceRow, PriceSource, PriceTable } from "../src/pricing.ts";
import { OrchestratorWorld } from "./orchestrator-world.ts";

export const TICKET_VALUE = wei(10n ** 12n);
const ETHER = 10n ** 18n;
/** An account's key is its name, hashed. */
export const keyOf = (name: string) => keccak256(Buffer.from(name));
export const RECIPIENT = keySigner(keyOf("orchestrator")).address;

/** Prices that a test changes while the node runs. */
export class TestPrices implements PriceSource {
  table: PriceTable;
  readonly #listeners = new Listeners();

  constructor(rows: readonly PriceRow[]) {
    this.table = { rows, base: new Map() };
  }

  set(rows: readonly PriceRow[]): void {
    this.table = { rows, base: new Map() };
    this.#listeners.notify();
  }

  onChanged(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }
}

export function row(capability: number, weiPerUnit: bigint, model = "m"): PriceRow {
  return { capability, model, gateway: "default", weiPerUnit: Rational.of(weiPerUnit) };
}

/** What a unit costs here, by pipeline: a job costs from less than one ticket to a few. */
const usual: Readonly<Record<string, bigint>> = {
  "text-to-image": 4_768_371n,
  "image-to-image": 1_700_000n,
  "image-to-video": 200_000n,
  upscale: 4_768_371n,
  "audio-to-text": 12_882_811n,
  "segment-anything-2": 10n,
  llm: 10_000_000_000n,
  "image-to-text": 1_000n,
  "text-to-speech": 600_000n,
};

export function capabilityOf({ capability }: Pipeline): number {
  if (capability.kind !== "network") throw new Error("not a pipeline of the network");
  return capability.id;
}

export const usualRows: readonly PriceRow[] = batchPipelines.map((pipeline) =>
  row(capabilityOf(pipeline), usual[pipeline.name] ?? 0n),
);

/** An orchestrator that works for money, on a chain in memory, and the gateways that pay it. */
export class PaidWorld implements AsyncDisposable {
  readonly clock = new TestClock();
  readonly chain = new MemoryChain({ roundLength: 1000n });
  readonly store = new MemoryPaymentStore();
  readonly prices: TestPrices;
  readonly ledger: Ledger;
  readonly recipient: Recipient;
  readonly parts: readonly Startable[];
  #world: OrchestratorWorld | undefined;
  #lag = 0n;

  private constructor(rows: readonly PriceRow[]) {
    this.prices = new TestPrices(rows);
    this.chain.activate(RECIPIENT, this.chain.currentRound);
    const { chain, store, clock } = this;
    const log = silentLogger;
    this.ledger = new Ledger({ store, clock, log });
    const senders = chain.sendersFor(RECIPIENT);
    const monitor = new SenderMonitor({ senders, rounds: chain });
    const queue = new RedemptionQueue(
      {},
      {
        store,
        broker: chain.brokerFor(RECIPIENT),
        rounds: chain,
        senders,
        activity: chain,
        gas: chain.gas,
        monitor,
        clock,
      },
    );
    this.recipient = new Recipient(
      { address: RECIPIENT, ticketValue: TICKET_VALUE, maxFaceValue: wei(0n), redemptionGas: 350_000n },
      {
        rounds: chain,
        senders,
        floats: monitor,
        gasPrice: chain.gas,
        activity: chain,
        recovery: {
          recover: async (signed) => signed.map(({ hash, signature }) => recoverSigner(hash, signature)),
        },
        store,
        ledger: this.ledger,
        winners: queue,
        clock,
        randomness: seededRandomness(5),
        log,
      },
    );
    this.parts = [this.ledger, this.recipient, queue];
  }

  static async open(
    rows: readonly PriceRow[] = usualRows,
    slots = 16,
    beside: readonly Executor[] = [],
    gateways: Gateways | undefined = undefined,
  ): Promise<PaidWorld> {
    const world = new PaidWorld(rows);
    const { recipient, ledger, prices, parts, clock } = world;
    const byRunner = batchPipelines.filter((pipeline) => pipeline !== imageToVideo);
    world.#world = await OrchestratorWorld.open(
      byRunner.map(({ name }) => ({ pipeline: name, model: "m", slots })),
      {
        clock,
        payments: { recipient, ledger, prices, parts },
        ...(gateways && { gateways }),
        // Runners answer frames, and joining them is not this package's work.
        beside: [new MemoryExecutor([{ pipeline: imageToVideo, model: "m", slots }], async () => video()), ...beside],
      },
    );
    return world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#world?.[Symbol.asyncDispose]();
  }

  get node(): OrchestratorWorld {
    if (this.#world === undefined) throw new Error("not open");
    return this.#world;
  }

  /** How many blocks the gateways are behind. */
  set lag(blocks: bigint) {
    this.#lag = blocks;
  }

  /** A gateway of the older software with money in the contract. */
  gateway(name: string, funds = { deposit: ETHER, reserve: ETHER }): OlderGateway {
    const gateway = new OlderGateway(keyOf(name), {
      ask: (request) => this.node.discover(request),
      post: async (path, headers, body) => {
        const { status, text } = await this.node.ask(path, { method: "POST", headers, body });
        return { status, text };
      },
      l1Block: () => this.chain.l1Block - this.#lag,
      now: () => this.clock.now(),
    });
    if (funds.deposit + funds.reserve > 0n) this.chain.fund(gateway.address, funds);
    return gateway;
  }

  /** What the orchestrator has on its account of a gateway and a pipeline. */
  balance(gateway: OlderGateway, pipeline: Pipeline): Rational {
    const key = { side: "payee", peer: gateway.address, id: `${capabilityOf(pipeline)}_m` } as const;
    return this.ledger.balance(key) ?? Rational.ZERO;
  }
}

const video = (): JobResult => ({
  kind: "response",
  response: { images: [{ url: "a.mp4", seed: 1, nsfw: false }] },
  files: new Map([["a.mp4", { contentType: "video/mp4", bytes: Buffer.from("\0\0\0\x10ftypisom\0\0\0\0", "latin1") }]]),
  timings: {},
});

const SAMPLE_RATE = 8000;

/** Silence. */
const wav = (seconds: number) => Buffer.from(encodeWav(new Float32Array(seconds * SAMPLE_RATE), SAMPLE_RATE));

const picture = await encodePng({ width: 64, height: 48, data: new Uint8Array(64 * 48 * 3) });

/** The work of each pipeline's example, as gateways of the older software count it. Source: payments-and-chain 14. */
const counted: Readonly<Record<string, bigint>> = {
  "text-to-image": 512n * 512n,
  "image-to-image": 64n * 48n,
  "image-to-video": 576n * 1024n * 25n,
  upscale: 64n * 48n,
  "audio-to-text": 2000n,
  "segment-anything-2": 64n * 48n,
  llm: 8n,
  "image-to-text": 64n * 48n,
  "text-to-speech": 6n,
};

/** A job of any pipeline, as a gateway of the older software sends it. */
export function exampleJob(pipeline: Pipeline): OlderJob {
  const request = pipeline.request.parse({ ...pipeline.example, ...sizes[pipeline.name], [pipeline.modelField]: "m" });
  const named = {
    capability: capabilityOf(pipeline),
    pipeline: pipeline.name,
    model: "m",
    units: counted[pipeline.name] ?? 0n,
  };
  const media = Object.entries(pipeline.media);
  if (media.length === 0) return { ...named, contentType: "application/json", body: JSON.stringify(request) };
  const files = media.map(([field, kind]) => {
    const file =
      kind === "image" ? { bytes: picture, filename: "a.png" } : { bytes: Uint8Array.from(wav(2)), filename: "a.wav" };
    return [field, file] as const;
  });
  return { ...named, ...encodeFormData(files, fieldsOf(pipeline, request)) };
}

const sizes: Readonly<Record<string, object>> = {
  "text-to-image": { width: 512, height: 512 },
  "image-to-video": { width: 1024, height: 576 },
};
