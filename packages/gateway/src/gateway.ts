import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { isIP } from "node:net";
import { BodyBudget, codeOf, httpOf, RivuletError, requestId, type Startable } from "@rivulet/primitives";
import { type Dispatcher, getGlobalDispatcher } from "undici";
import { Attempts } from "./attempt.ts";
import { type Authenticator, openToAll } from "./auth/authenticator.ts";
import { KeyFile } from "./auth/key-file.ts";
import { AuthWebhook, WEBHOOK_TIMEOUT } from "./auth/webhook.ts";
import { checkDefaults } from "./defaults.ts";
import { Discovery } from "./discovery/discovery.ts";
import { GrpcOrchestratorClient } from "./discovery/grpc-client.ts";
import { KnownPool } from "./discovery/on-chain.ts";
import type { DiscoverySource } from "./discovery/source.ts";
import { staticSource } from "./discovery/static.ts";
import { listOfSigner, webhookSource } from "./discovery/webhook.ts";
import { type Explanation, explain, type Wanted } from "./explanation.ts";
import { Hedging } from "./hedging.ts";
import { baseUrlOf } from "./http/delivery.ts";
import { Exchange } from "./http/exchange.ts";
import { logFailure } from "./http/failure-log.ts";
import { Origins } from "./http/origins.ts";
import { type Route, resultRoute, routes } from "./http/routes.ts";
import { JobRunner } from "./job.ts";
import { LaterResults } from "./later-results.ts";
import { lookupOf, networkAgent, TIMEOUT_IDLE } from "./network-agent.ts";
import { networkView } from "./network-view.ts";
import { blockedIn, checkReach } from "./option-checks.ts";
import { type GatewayOptions, type GatewayPorts, gatewayDefaults, withDefaults } from "./options.ts";
import type { Payer } from "./paying/payer.ts";
import { aboveMaximum, type PriceLimits } from "./paying/price-limits.ts";
import { unpaid } from "./paying/unpaid.ts";
import { ResultStore } from "./result-store.ts";
import { weighOf } from "./selection/draw.ts";
import type { Lots, PoolPorts } from "./selection/pool.ts";
import { RETRY_WHEN_ALONE, Selector } from "./selection/selector.ts";

/** The JSON of an answer may hold ten pictures of the largest size as base64. */
const MAX_RESPONSE_BYTES = 256 * 1024 * 1024;
const RESULTS = "/stream/";
/** Of what a request says of itself, in an answer. */
const MAX_QUOTED = 200;

/**
 * Takes applications' jobs, finds orchestrators for them and answers. Owns a listening socket, connections to orchestrators
 * and a discovery loop.
 *
 * `start` resolves when it listens; orchestrators are found from then on, and `/readyz` says when there are some. `stop` lets
 * jobs under way finish for `stopGrace`, then aborts them.
 */
export class Gateway implements Startable {
  readonly #options: GatewayOptions;
  readonly #ports: GatewayPorts;
  readonly #stopping = new AbortController();
  readonly #dispatcher: Dispatcher;
  readonly #ownsDispatcher: boolean;
  readonly #keys: KeyFile | undefined;
  readonly #client: GrpcOrchestratorClient;
  readonly #selector: Selector;
  readonly #discovery: Discovery;
  readonly #store: ResultStore;
  readonly #routes: ReadonlyMap<string, Route>;
  readonly #results: Route;
  readonly #origins: Origins;
  readonly #underWay = new Set<Promise<void>>();
  #server: Server | undefined;
  #started: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  /** Throws "config.invalid" for options that contradict each other or name what is not there. */
  constructor(options: GatewayOptions, ports: GatewayPorts) {
    checkReach(options);
    const { clock, log, randomness, limits } = ports;
    const setting = withDefaults(options);
    const payer = ports.payer ?? unpaid(ports.signer);
    const pool = ports.pool && new KnownPool(ports.pool);
    this.#options = options;
    this.#ports = ports;
    this.#ownsDispatcher = ports.dispatcher === undefined;
    const lookup = lookupOf(options);
    this.#dispatcher = ports.dispatcher ?? networkAgent(lookup);
    this.#keys = options.auth?.kind === "keys" ? new KeyFile(options.auth.file, { clock, log }) : undefined;
    const least = { node: setting.leastVersion, runners: options.leastRunnerVersions ?? {} };
    this.#client = new GrpcOrchestratorClient(least, { clock, payer, lookup });
    this.#selector = new Selector(
      { queueLength: setting.queueLength, retryWhenAlone: RETRY_WHEN_ALONE },
      { clock, objection: objectionOf(payer, limits), lots: lotsOf(options, ports, pool) },
    );
    this.#discovery = new Discovery(
      {
        interval: setting.discoveryInterval,
        missesAllowed: setting.missesAllowed,
        extraNodes: setting.extraNodes,
        blocked: blockedIn(options.blocked ?? []),
        publicOnly: options.publicOnly,
      },
      { source: this.#source(pool), client: this.#client, pool, payer, clock, randomness, log },
      this.#selector,
    );
    this.#store = new ResultStore(
      { maxBytes: setting.maxResultBytes, maxFiles: setting.maxResults, keepFor: setting.keepResultsFor },
      { clock, randomness },
    );
    const attempts = new Attempts(
      {
        version: setting.version,
        least,
        maxResponseBytes: MAX_RESPONSE_BYTES,
        maxFileBytes: setting.maxFileBytes,
        resultOrigins: new Set(options.resultOrigins ?? []),
      },
      { dispatcher: this.#dispatcher, payer, limits, clock },
    );
    const jobs = new JobRunner(
      { maxAttempts: setting.maxAttempts, patience: setting.patience },
      {
        selector: this.#selector,
        attempt: (job, peer, signal) => attempts.run(job, peer, signal),
        refresh: (session) => this.#discovery.refresh(session),
        assertSolvent: (signal) => payer.assertSolvent(signal),
        hedging: setting.hedging === "after-p95" ? new Hedging() : undefined,
        clock,
        log,
        onJob: ports.onJob,
      },
    );
    const later = new LaterResults(this.#store);
    this.#routes = routes(
      {
        ...setting,
        publicUrl: options.publicUrl,
        defaults: checkDefaults(options.defaults ?? {}),
        deadlines: options.deadlines ?? {},
      },
      {
        authenticator: this.#authenticator(),
        jobs,
        store: this.#store,
        later,
        background: (work) => this.#keepUnderWay(work(this.#stopping.signal)),
        budget: new BodyBudget(setting.maxBodiesBytes),
        randomness,
        log,
        whyNotReady: () => this.#whyNotReady(),
        network: () => networkView(this.#selector, this.#discovery, clock),
        explain: (wanted) => this.explain(wanted),
        local: () => this.address,
      },
    );
    this.#results = resultRoute(this.#store);
    this.#origins = new Origins(setting.allowedOrigins);
  }

  /** Where it listens: the port is the real one also when 0 was asked for. Throws before `start`. */
  get address(): { readonly host: string; readonly port: number; readonly url: string } {
    const bound = this.#server?.address();
    if (typeof bound !== "object" || bound === null)
      throw new RivuletError("node.cannot-start", { reason: "not listening" });
    const host = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
    return { host: bound.address, port: bound.port, url: `http://${host}:${bound.port}` };
  }

  /** The network as `GET /network` tells it. */
  get network(): ReturnType<typeof networkView> {
    return networkView(this.#selector, this.#discovery, this.#ports.clock);
  }

  /** For one request every orchestrator with its numbers, its chance, and what rules it out. */
  explain(wanted: Wanted): Explanation {
    const ports = { selector: this.#selector, discovery: this.#discovery, limits: this.#ports.limits };
    return explain(wanted, ports);
  }

  /** Throws "node.cannot-start" when the address is taken or not ours, "config.invalid" when the key file is not good. */
  start(): Promise<void> {
    this.#started = this.#start();
    return this.#started;
  }

  async #start(): Promise<void> {
    await this.#keys?.start();
    const server = createServer({ keepAliveTimeout: TIMEOUT_IDLE });
    server.on("request", (request, response) => this.#take(request, response));
    server.on("checkContinue", (request, response) => this.#takeExpectant(request, response));
    await listening(server, this.#options.listen);
    this.#server = server;
    await this.#discovery.start();
    this.#ports.log.info("gateway listens", { url: this.address.url });
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { clock } = this.#ports;
    await Promise.allSettled([this.#started]);
    const server = this.#server;
    const closed =
      server === undefined ? Promise.resolve() : new Promise<void>((resolve) => server.close(() => resolve()));
    server?.closeIdleConnections();
    const discovered = this.#discovery.stop();
    if (this.#underWay.size > 0) {
      const ended = new AbortController();
      const grace = this.#options.stopGrace ?? gatewayDefaults.stopGrace;
      await Promise.race([Promise.allSettled(this.#underWay), clock.sleep(grace, ended.signal).catch(() => {})]);
      ended.abort(new Error("stopped"));
    }
    this.#stopping.abort(new RivuletError("node.stopping", {}));
    this.#selector.close();
    await Promise.allSettled(this.#underWay);
    server?.closeAllConnections();
    await Promise.allSettled([
      closed,
      discovered,
      this.#keys?.stop(),
      this.#ownsDispatcher ? this.#dispatcher.destroy() : undefined,
    ]);
    this.#client.close();
    this.#store.clear();
  }

  #source(pool: KnownPool | undefined): DiscoverySource {
    const { orchestrators } = this.#options;
    const ports = { dispatcher: this.#dispatcher };
    if (orchestrators.kind === "list") return staticSource(orchestrators.addresses);
    if (orchestrators.kind === "webhook") return webhookSource({ url: orchestrators.url }, ports);
    // What is sent to a signer opens its deposit: unlike orchestrators, it must show who it is.
    if (orchestrators.kind === "signer")
      return webhookSource(listOfSigner(orchestrators), {
        dispatcher: this.#ports.dispatcher ?? getGlobalDispatcher(),
      });
    if (pool !== undefined) return pool;
    const message = "the pool of a chain is asked for, and there is no chain";
    throw new RivuletError("config.invalid", { problems: [{ path: "gateway.orchestrators", message }] });
  }

  #authenticator(): Authenticator {
    const { auth } = this.#options;
    if (auth?.kind !== "webhook") return this.#keys ?? openToAll;
    const { url, timeout = WEBHOOK_TIMEOUT, remember = gatewayDefaults.authRemember } = auth;
    return new AuthWebhook({ url, timeout, remember }, { clock: this.#ports.clock, dispatcher: this.#dispatcher });
  }

  #whyNotReady(): string | undefined {
    if (this.#stopping.signal.aborted || this.#stopped !== undefined) return "stopping";
    if (this.#selector.size > 0) return undefined;
    return this.#discovery.rounds === 0 ? "the first discovery is under way" : "no orchestrator is known";
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    this.#keepUnderWay(this.#handle(request, response));
  }

  /** Work that the gateway waits for when it stops. It rejects for nothing. */
  #keepUnderWay(work: Promise<void>): void {
    this.#underWay.add(work);
    work.finally(() => this.#underWay.delete(work));
  }

  /**
   * Where no key is asked for, the page that a browser is on is all there is to tell whose request it is: without this any page
   * could have work done, and paid for. Browsers always name the page's origin.
   */
  #refuseForeignPages({ headers, method }: IncomingMessage): void {
    const { origin } = headers;
    if (method !== "POST" || origin === undefined || this.#options.auth !== undefined) return;
    if (this.#origins.allows(origin) || this.#isOwn(origin, headers)) return;
    throw new RivuletError("request.origin-refused", { reason: origin.slice(0, MAX_QUOTED) });
  }

  /** Whether a page came from where the request goes. A name that nobody gave us tells nothing: its owner may lead it here. */
  #isOwn(origin: string, headers: IncomingHttpHeaders): boolean {
    const { publicUrl } = this.#options;
    const own = new URL(baseUrlOf(headers, publicUrl, () => this.address));
    return own.origin === origin && (publicUrl !== undefined || isIP(own.hostname.replace(/^\[|\]$/g, "")) !== 0);
  }

  /** A client that asks before it sends a large body is told at once when the body is too large. */
  #takeExpectant(request: IncomingMessage, response: ServerResponse): void {
    const limit = this.#options.maxFormBytes ?? gatewayDefaults.maxFormBytes;
    if (!(Number(request.headers["content-length"]) > limit)) response.writeContinue();
    this.#take(request, response);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { clock, log, randomness } = this.#ports;
    const id = requestId(randomness);
    using exchange = new Exchange(id, request, response, { clock, stopping: this.#stopping.signal });
    for (const [name, value] of Object.entries(this.#origins.headersFor(request.headers)))
      response.setHeader(name, value);
    try {
      const route = exchange.path.startsWith(RESULTS) ? this.#results : this.#routes.get(exchange.path);
      if (route === undefined) throw new RivuletError("request.not-found", {});
      if (request.method === "OPTIONS") {
        exchange.send(204, this.#origins.permission(request.headers, route.methods), "");
        return;
      }
      this.#refuseForeignPages(request);
      if (!route.methods.includes(request.method ?? "")) {
        exchange.error(new RivuletError("request.method-not-allowed", {}), { allow: route.methods.join(", ") });
        return;
      }
      await route.handle(exchange);
    } catch (error) {
      const fields = { requestId: id, path: exchange.path, code: codeOf(error), status: httpOf(error) };
      logFailure(log, { foreseen: "request refused", unforeseen: "request failed" }, error, fields);
      exchange.error(error);
    }
  }
}

/** What speaks against an orchestrator beside its own failures: who pays for it, and its price. */
function objectionOf(payer: Payer, limits: PriceLimits | undefined): PoolPorts["objection"] {
  if (!payer.wantsTerms && limits === undefined) return undefined;
  return (peer) => payer.objection(peer) ?? (limits && aboveMaximum(peer, limits));
}

/** By what orchestrators are drawn: on a chain by default, elsewhere only if that is asked for. */
function lotsOf(options: GatewayOptions, ports: GatewayPorts, pool: KnownPool | undefined): Lots | undefined {
  const weigh = weighOf(options.selection ?? { kind: pool === undefined ? "fastest" : "measured" });
  return (
    weigh && {
      weigh,
      randomness: ports.randomness,
      stakeOf: (operator) => pool?.stakeOf(operator) ?? 0n,
      performanceOf: ports.performanceOf,
    }
  );
}

function listening(server: Server, { host, port }: GatewayOptions["listen"]): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new RivuletError("node.cannot-start", { reason: `cannot listen on ${host}:${port}` }, { cause })),
    );
    server.listen(port, host, resolve);
  });
}
