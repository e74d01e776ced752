import type { Readable } from "node:stream";
import { type Clock, invariant, type Milliseconds, ms, RivuletError } from "@rivulet/primitives";
import { parseServerTiming, RIVULET_HEADER, WORKER_PROTOCOL } from "@rivulet/wire";
import type { Dispatcher } from "undici";
import { begunStream } from "./answer-stream.ts";
import { ask } from "./http/ask.ts";
import type { OrchestratorSession } from "./orchestrator-session.ts";
import { Bill } from "./paying/bill.ts";
import type { JobPayment, PaidRequest, Payer, Peer } from "./paying/payer.ts";
import type { PriceLimits } from "./paying/price-limits.ts";
import type { PreparedJob } from "./prepared-job.ts";
import { readRefusal } from "./refusal.ts";
import { type ResultOptions, Results, readPeer } from "./results.ts";
import { type FetchedFile, verifyCount, verifyFiles } from "./verification.ts";
import { type LeastVersions, wantedCapabilities } from "./wanted.ts";

/** What a peer told of where its time went; 0 where it told nothing. */
interface PeerTimings {
  readonly queue: Milliseconds;
  readonly load: Milliseconds;
  readonly inference: Milliseconds;
}

/** A good answer: verified, with every file fetched. */
interface ResponseAnswer {
  readonly kind: "response";
  readonly response: Record<string, unknown>;
  readonly files: readonly FetchedFile[];
  readonly timings: PeerTimings;
  /** From sending to the last byte of the last file. */
  readonly took: Milliseconds;
  /** What it cost; absent where nobody pays. */
  readonly payment?: JobPayment | undefined;
}

/** An event stream that has begun. Read its events once; dispose it when done with it, read to its end or not. */
export interface StreamAnswer extends Disposable {
  readonly kind: "stream";
  /** The JSON text of each event. */
  readonly events: AsyncIterable<string>;
  readonly timings: PeerTimings;
  /** From sending to the first event. */
  readonly took: Milliseconds;
  /** What it costs at most; absent where nobody pays. */
  readonly payment?: JobPayment | undefined;
  /** What it cost in the end, once all events have been read. */
  readonly charged: () => JobPayment | undefined;
}

export type Answer = ResponseAnswer | StreamAnswer;

export interface AttemptOptions extends ResultOptions {
  /** Of the software: told to orchestrators, by which ours know us. */
  readonly version: string;
  readonly least: LeastVersions;
}

export interface AttemptPorts {
  readonly dispatcher: Dispatcher;
  readonly payer: Payer;
  /** Absent: any price is paid. */
  readonly limits?: PriceLimits | undefined;
  readonly clock: Clock;
}

/** What is said of an error: no peer of ours says more. */
const MAX_REFUSAL_BYTES = 65_536;

/** What every request of one session shares, made once. */
interface Target {
  readonly origin: string;
  /** Without a slash at its end. */
  readonly path: string;
}

/** One orchestrator, one try: sends the job, fetches what came out and checks it. */
export class Attempts {
  readonly #options: AttemptOptions;
  readonly #ports: AttemptPorts;
  readonly #results: Results;
  readonly #targets = new WeakMap<OrchestratorSession, Target>();

  constructor(options: AttemptOptions, ports: AttemptPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#results = new Results(options, ports.dispatcher);
  }

  /**
   * The answer of one orchestrator, paid for if it is to be paid. Throws what its refusal means, what the payer objects to,
   * "peer.unreachable", "peer.protocol" and "peer.bad-result", and the signal's reason. No error of a stream's events after
   * the first is thrown here.
   */
  async run(job: PreparedJob, peer: Peer, signal: AbortSignal): Promise<Answer> {
    const { clock } = this.#ports;
    const { session } = peer;
    const request = await this.#pay(job, peer, signal);
    const bill = new Bill(request);
    const began = clock.monotonic();
    try {
      const { statusCode, headers, body, trailers } = await this.#send(job, session, request.headers, signal);
      if (statusCode !== 200) throw await this.#refusal(statusCode, body, job, signal);
      bill.arrived();
      if (job.isStream) {
        // What was charged for the tokens that were written comes after them.
        const events = await begunStream(body, { readsOn: headers["trailer"] !== undefined, clock, signal });
        const took = ms(clock.monotonic() - began);
        const timings = timingsOf(headers["server-timing"], took);
        const charged = () => bill.charged(trailers);
        const dispose = () => {
          charged();
          body.destroy();
        };
        return { kind: "stream", events, timings, took, payment: bill.payment, charged, [Symbol.dispose]: dispose };
      }
      bill.charged(headers);
      const response = await this.#results.response(job, body, signal);
      const named = job.pipeline.files(response);
      verifyCount(job.expected, named);
      const from = { serviceUri: session.serviceUri, origin: this.#target(session).origin };
      const files = await this.#results.files(named, from, job.expected, signal);
      await verifyFiles(job.expected, files);
      signal.throwIfAborted();
      const took = ms(clock.monotonic() - began);
      const timings = timingsOf(headers["server-timing"], took);
      return { kind: "response", response, files, timings, took, payment: bill.payment };
    } catch (error) {
      if (signal.aborted) bill.givenUp();
      else bill.failed(error);
      throw error;
    }
  }

  #pay(job: PreparedJob, peer: Peer, signal: AbortSignal): Promise<PaidRequest> {
    const { payer, limits } = this.#ports;
    const { pipeline, model, work } = job;
    const capabilities = wantedCapabilities(pipeline, model, this.#options.least);
    invariant(capabilities !== undefined, "a numbered pipeline has wanted capabilities");
    return payer.pay(
      { ...peer, pipeline, model, work, capabilities, maxPrice: limits?.maxPrice(pipeline, model) },
      signal,
    );
  }

  async #send(
    job: PreparedJob,
    session: OrchestratorSession,
    paying: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const { origin, path } = this.#target(session);
    try {
      return await ask(this.#ports.dispatcher, {
        origin,
        path: `${path}/${job.pipeline.name}`,
        method: "POST",
        headers: {
          "content-type": job.content.contentType,
          accept: job.isStream ? "text/event-stream" : "application/json",
          authorization: WORKER_PROTOCOL,
          [RIVULET_HEADER]: this.#options.version,
          ...paying,
        },
        body: job.content.body,
        signal,
      });
    } catch (cause) {
      signal.throwIfAborted();
      throw new RivuletError("peer.unreachable", { hadConnection: hadConnection(cause) }, { cause });
    }
  }

  async #refusal(status: number, body: Readable, job: PreparedJob, signal: AbortSignal): Promise<RivuletError> {
    const bytes = await readPeer(body, MAX_REFUSAL_BYTES, signal);
    return readRefusal({ status, body: bytes.toString("utf8") }, job);
  }

  #target(session: OrchestratorSession): Target {
    const known = this.#targets.get(session);
    if (known !== undefined) return known;
    const { origin, pathname } = new URL(session.serviceUri);
    const target = { origin, path: pathname.replace(/\/$/, "") };
    this.#targets.set(session, target);
    return target;
  }
}

/** What a peer claims, as far as there was time for it: claims steer who gets work and what applications are told. */
function timingsOf(header: string | readonly string[] | undefined, took: Milliseconds): PeerTimings {
  const told = parseServerTiming(header);
  let left: number = took;
  const of = (name: string) => {
    const claimed = Math.min(left, told.get(name) ?? 0);
    left -= claimed;
    return ms(claimed);
  };
  return { queue: of("queue"), load: of("load"), inference: of("inference") };
}

/** How connections break that stood; those that never came to be fail in other ways. */
const BREAKS: ReadonlySet<unknown> = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);

function hadConnection(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && BREAKS.has(cause.code);
}
