import { acceptAnySignature, offChainSigner, verifySignature } from "@rivulet/crypto";
import {
  BodyBudget,
  type Clock,
  clockDeadline,
  invariant,
  isError,
  type Logger,
  type Milliseconds,
  minutes,
  type Randomness,
  RivuletError,
  Sequence,
  type ServiceUri,
  type Startable,
  seconds,
  serviceUri,
} from "@rivulet/primitives";
import { AuthTokens, type Capabilities } from "@rivulet/wire";
import { Admission } from "./admission.ts";
import { capabilitiesOfOffers } from "./advertise.ts";
import { Cashier } from "./cashier.ts";
import type { Executor, ModelOffer, ResultBytes } from "./executor.ts";
import { RemoteWorkers } from "./executors/remote-workers.ts";
import { SeveralExecutors } from "./executors/several.ts";
import type { Gateways } from "./gateway-webhook.ts";
import { Discovery } from "./grpc/discovery.ts";
import { grpcHandler } from "./grpc/services.ts";
import { selfSignedCertificate } from "./http/certificate.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "./http/exchange.ts";
import { type ListenAddress, Listener } from "./http/listener.ts";
import { answerError, Refusal } from "./http/refusal.ts";
import { type Route, routes, STREAM_PREFIX } from "./http/routes.ts";
import { JobsUnderWay } from "./jobs-under-way.ts";
import { DRAIN_LIMIT, JOB_BODIES_BYTES, LOST_WORKER_GRACE, MAX_REQUEST_BYTES, REMOTE_JOB_LIMIT } from "./limits.ts";
import type { OrchestratorPayments } from "./payments.ts";
import { ResultStore, type ResultStoreOptions } from "./result-store.ts";
import { WorkerRegistry } from "./workers/registry.ts";
import { WorkerStream } from "./workers/stream.ts";
import { Tasks } from "./workers/tasks.ts";

export interface OrchestratorOptions {
  /** The TLS port. At least one of the two ports is needed. */
  readonly listen?: ListenAddress;
  /** A port without TLS. */
  readonly listenClearText?: ListenAddress;
  /** Where gateways and workers reach this node; by default the address it listens on. */
  readonly serviceUri?: ServiceUri;
  /** When set, workers that know it may attach. */
  readonly workerSecret?: string;
  /** More service URIs of the same operator. */
  readonly nodes?: readonly string[];
  /** The software's own version, for `/version`. */
  readonly version?: string;
  readonly maxRequestBytes?: number;
  /** Bodies of jobs in memory at once, all together. */
  readonly maxBodiesBytes?: number;
  /** The longest a job may take, here or at a worker. */
  readonly jobLimit?: Milliseconds;
  /** How long a lost worker's jobs wait for its result or its return. */
  readonly lostWorkerGrace?: Milliseconds;
  /** How long `stop` waits for jobs. */
  readonly drainLimit?: Milliseconds;
  readonly results?: ResultStoreOptions;
}

export interface OrchestratorPorts {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
  /** Does jobs on this machine. Without one only attached workers do. */
  readonly executor?: Executor;
  /** What makes it work for money. Without it, it is off-chain: nobody pays and every signature will do. */
  readonly payments?: OrchestratorPayments;
  /** Says which gateways are told anything. Without it all are. */
  readonly gateways?: Gateways;
}

/** How often expired results are looked for; a download looks by itself. */
const SWEEP_INTERVAL: Milliseconds = minutes(1);
const AUTH_KEY_BYTES = 32;
/** How long called-off jobs have to tell their callers. */
const FAREWELL: Milliseconds = seconds(1);

/**
 * Sells work: one port for control (gRPC) and jobs (HTTP), in front of a runner, attached workers, or both.
 *
 * `start` throws "node.cannot-start" when a port is taken. `stop` refuses new jobs with 503, waits for those under way, then
 * closes every connection. The executor is the caller's: to be started before and stopped after.
 */
export class Orchestrator implements Startable {
  readonly #options: OrchestratorOptions;
  readonly #ports: OrchestratorPorts;
  readonly #results: ResultStore;
  readonly #registry: WorkerRegistry;
  readonly #tasks: Tasks;
  readonly #executor: Executor;
  readonly #jobs = new JobsUnderWay();
  readonly #stopping = new AbortController();
  /** Of the payments. */
  readonly #parts: Sequence;
  readonly #routeAt: (path: string) => Route | undefined;
  readonly #discovery: Discovery;
  readonly #cashier: Cashier | undefined;
  #capabilities: Capabilities;
  #listeners: readonly Listener[] = [];
  #serviceUri: ServiceUri | undefined;
  #isStopping = false;
  #starting: Promise<void> = Promise.resolve();
  #listening: Disposable | undefined;
  #repricing: Disposable | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(options: OrchestratorOptions, ports: OrchestratorPorts) {
    invariant(options.listen ?? options.listenClearText, "an orchestrator listens somewhere");
    invariant(options.workerSecret !== "", "a secret has at least one character");
    this.#options = options;
    this.#ports = ports;
    const { clock, randomness, log } = ports;
    this.#results = new ResultStore(options.results ?? {}, ports);
    this.#registry = new WorkerRegistry({ grace: options.lostWorkerGrace ?? LOST_WORKER_GRACE }, ports);
    this.#tasks = new Tasks({ limit: options.jobLimit ?? REMOTE_JOB_LIMIT }, ports);
    const remote = new RemoteWorkers({
      registry: this.#registry,
      tasks: this.#tasks,
      results: this.#results,
      urlOf: (path) => this.#urlOf(path),
      log,
    });
    this.#executor = new SeveralExecutors(ports.executor === undefined ? [remote] : [ports.executor, remote]);
    const { payments, gateways } = ports;
    const cashier = payments === undefined ? undefined : new Cashier(payments, clock, gateways);
    this.#cashier = cashier;
    this.#parts = new Sequence(payments?.parts ?? []);
    this.#capabilities = capabilitiesOfOffers(this.#offers(), "free");
    const tokens = new AuthTokens(randomness.bytes(AUTH_KEY_BYTES));
    const shared = {
      clock,
      randomness,
      tokens,
      verifySignature: payments === undefined ? acceptAnySignature : verifySignature,
      ...(cashier === undefined ? {} : { cashier }),
    };
    this.#discovery = new Discovery(
      { nodes: options.nodes ?? [] },
      {
        ...shared,
        signer: payments?.signer ?? offChainSigner,
        offers: () => this.#offers(),
        hardware: () => this.#executor.hardware(),
        serviceUri: () => this.serviceUri,
        ...(gateways && { gateways }),
      },
    );
    const jobs = {
      clock,
      log,
      admission: new Admission({
        ...shared,
        capabilities: () => this.#capabilities,
        tryReserve: (pipeline, model) =>
          this.#isOffered({ pipeline, model }) ? this.#executor.tryReserve(pipeline, model) : undefined,
      }),
      store: (requestId: string, file: ResultBytes) => this.#urlOf(this.#results.put(requestId, file)),
      bodies: new BodyBudget(options.maxBodiesBytes ?? JOB_BODIES_BYTES),
      stopping: this.#stopping.signal,
    };
    const { maxRequestBytes = MAX_REQUEST_BYTES, jobLimit = REMOTE_JOB_LIMIT, workerSecret, version = "" } = options;
    this.#routeAt = routes(
      { maxRequestBytes, jobLimit, workerSecret, version },
      {
        jobs,
        asJob: (response, serve) => this.#asJob(response, serve),
        discovery: this.#discovery,
        cashier,
        tasks: this.#tasks,
        results: this.#results,
        state: () => ({ models: this.#isStopping ? 0 : this.#offers().length, jobs: this.#jobs.size }),
      },
    );
  }

  /** Where this node takes work. Only while it is started. */
  get serviceUri(): ServiceUri {
    invariant(this.#serviceUri !== undefined, "an orchestrator has a service URI once it has started");
    return this.#serviceUri;
  }

  /** The address of the port itself, the TLS one if there is one. Only while it is started. */
  get address(): string {
    const [listener] = this.#listeners;
    invariant(listener !== undefined, "an orchestrator has an address once it has started");
    return listener.url;
  }

  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#starting.catch(() => {});
    await this.#drain(this.#options.drainLimit ?? DRAIN_LIMIT);
    this.#stopping.abort(new RivuletError("node.stopping", {}));
    await this.#drain(FAREWELL);
    this.#registry.stop();
    using farewell = clockDeadline(this.#ports.clock, FAREWELL);
    await Promise.all(this.#listeners.map((listener) => listener.stop(farewell)));
    await this.#sweeping;
    this.#listening?.[Symbol.dispose]();
    this.#repricing?.[Symbol.dispose]();
    this.#cashier?.[Symbol.dispose]();
    await this.#parts.stop();
    this.#results.clear();
  }

  async #start(): Promise<void> {
    const { workerSecret } = this.#options;
    const { log } = this.#ports;
    const workers =
      workerSecret === undefined ? undefined : new WorkerStream(workerSecret, this.#registry, this.#tasks);
    try {
      await this.#parts.start();
      const { version = "" } = this.#options;
      await this.#listen(this.#handler(grpcHandler({ discovery: this.#discovery, workers, version, log })));
    } catch (error) {
      await this.#parts.stop();
      throw error;
    }
    this.#serviceUri = this.#options.serviceUri ?? serviceUri(this.address);
    const refresh = () => {
      this.#capabilities = capabilitiesOfOffers(this.#offers(), "free");
    };
    refresh();
    this.#listening = this.#executor.onOffersChanged(refresh);
    this.#repricing = this.#ports.payments?.prices.onChanged(refresh);
    this.#tellUnpriced();
    this.#sweeping = this.#sweep();
    log.info("orchestrator started", { address: this.address, serviceUri: this.#serviceUri });
  }

  /** What is for sale: on chain only what has a price. */
  #offers(): readonly ModelOffer[] {
    return this.#executor.offers().filter((offer) => this.#isOffered(offer));
  }

  #isOffered(model: Pick<ModelOffer, "pipeline" | "model">): boolean {
    return this.#cashier?.isForSale(model) !== false;
  }

  /** A model without a price is silently for nobody, which no operator means. */
  #tellUnpriced(): void {
    for (const offer of this.#executor.offers())
      if (!this.#isOffered(offer))
        this.#ports.log.warn("model has no price and is not offered", {
          pipeline: offer.pipeline.name,
          model: offer.model,
        });
  }

  /** Opens both ports, or none. */
  async #listen(handler: HttpHandler): Promise<void> {
    const { listen, listenClearText, serviceUri: told } = this.#options;
    const listeners: Listener[] = [];
    if (listen !== undefined) {
      const host = told === undefined ? listen.host : new URL(told).hostname;
      const certificate = await selfSignedCertificate(host, new Date(this.#ports.clock.now()));
      listeners.push(new Listener(listen, certificate, handler));
    }
    if (listenClearText !== undefined) listeners.push(new Listener(listenClearText, undefined, handler));
    this.#listeners = listeners;
    try {
      for (const listener of listeners) await listener.start();
    } catch (error) {
      for (const listener of listeners) await listener.stop();
      throw error;
    }
  }

  /** Waits until every job is answered, at most for `patience`. */
  async #drain(patience: Milliseconds): Promise<void> {
    if (this.#jobs.size === 0) return;
    this.#ports.log.info("waiting for jobs", { jobs: this.#jobs.size });
    using limit = clockDeadline(this.#ports.clock, patience);
    await this.#jobs.ended(limit);
  }

  #handler(grpc: HttpHandler): HttpHandler {
    return (request, response) => {
      const isGrpc =
        request.httpVersionMajor === 2 && request.headers["content-type"]?.startsWith("application/grpc") === true;
      if (isGrpc) grpc(request, response);
      else void this.#answer(request, response);
    };
  }

  async #answer(request: HttpRequest, response: HttpResponse): Promise<void> {
    // The caller is gone; whoever works for it learns that from the response's close.
    response.on("error", () => {});
    try {
      const [path = "/"] = (request.url ?? "/").split("?", 1);
      const route = this.#routeAt(path);
      if (route === undefined) throw new RivuletError("request.not-found", {});
      await route(request, response);
    } catch (error) {
      if (!isExpected(error))
        this.#ports.log.error("request failed", { reason: error instanceof Error ? error.message : "unknown" });
      answerError(request, response, error);
    }
  }

  async #asJob(response: HttpResponse, serve: () => Promise<void>): Promise<void> {
    if (this.#isStopping) throw new RivuletError("node.stopping", {});
    this.#jobs.add(response);
    await serve();
  }

  #urlOf(path: string): string {
    return `${this.serviceUri}${STREAM_PREFIX}${path}`;
  }

  async #sweep(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#ports.clock.sleep(SWEEP_INTERVAL, signal).catch(() => {});
      this.#results.sweep();
    }
  }
}

function isExpected(error: unknown): boolean {
  return error instanceof Refusal || isError(error);
}
