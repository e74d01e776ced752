import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { type Logger, RivuletError, type Startable, silentLogger } from "@rivulet/primitives";
import type { Address } from "./address.ts";
import { MAX_SIGNATURES_WAITING } from "./limits.ts";
import {
  doSignatureWork,
  packHashes,
  packSigned,
  type SignatureWorkName,
  signatureWorks,
  unpackSignatures,
  unpackSigners,
} from "./packed-signatures.ts";
import type { ThreadOrder } from "./signature-thread-main.ts";
import { keySigner } from "./signing.ts";

export interface SignatureThreadsOptions {
  /** How many threads. By default one for each processor but the one of the event loop, between 1 and 4. */
  readonly threads?: number;
}

export interface SignatureThreadsPorts {
  readonly log?: Logger;
  /** Starts a thread that does what `signature-thread-main.ts` does. */
  readonly newThread?: () => Worker;
}

/** Signs 32-byte hashes for one account. */
export interface BatchSigner {
  readonly address: Address;
  /** 65 bytes for each hash, over its personal hash. Throws "node.overloaded", "node.stopping". */
  sign(hashes: readonly Uint8Array[], signal?: AbortSignal): Promise<readonly Uint8Array[]>;
}

/**
 * Batches up to this size are done at once, on the event loop: it is held up for less than half a millisecond then. Measured
 * with paid jobs of one to three tickets on two busy processors, where a thread has to wait for its turn twice: taking a
 * payment takes 0.5 ms at p50 and 0.9 at p90 here, and 0.7 and 5 by way of a thread. On an idle machine a thread takes 0.02
 * longer, whatever the batch.
 */
const INLINE_MOST = 4;
/** Signatures that a thread is given at once: a millisecond or two, so that a small batch never waits long for a large one. */
const CHUNK = 16;
/** Orders that a thread has at a time: it begins the second while the answer to the first is on its way. */
const ORDERS_AT_ONCE = 2;
const THREADS_MOST = 4;

/** A batch that is under way. */
interface Call {
  readonly name: SignatureWorkName;
  readonly input: Uint8Array;
  readonly output: Uint8Array;
  readonly key: Uint8Array | undefined;
  readonly count: number;
  readonly settled: PromiseWithResolvers<void>;
  /** The first item that nobody has been given. */
  next: number;
  /** Items without an answer. */
  left: number;
  isOver: boolean;
}

/** Items of a call: what a thread is given. */
interface Chunk {
  readonly call: Call;
  readonly from: number;
  readonly to: number;
}

interface Thread {
  readonly worker: Worker;
  /** Oldest first, as a thread answers in order. */
  readonly orders: Chunk[];
}

const newSignatureThread = () =>
  new Worker(new URL("./signature-thread-main.ts", import.meta.url), { name: "signatures" });

/**
 * Signs and recovers batches off the event loop.
 *
 * Calls take turns, chunk by chunk, so that one of six hundred tickets does not hold up those of one. Without threads (before
 * `start`, or because none could be started, or all were lost) the work is done here, with room for others between chunks.
 *
 * Owns its threads and the keys it was given, each of which lies in memory once, whoever uses it, and is wiped by `stop`.
 * `stop` fails calls under way with "node.stopping".
 */
export class SignatureThreads implements Startable {
  readonly #count: number;
  readonly #log: Logger;
  readonly #newThread: () => Worker;
  /** All there are, also those that are not ready yet. */
  readonly #workers = new Set<Worker>();
  readonly #threads = new Set<Thread>();
  readonly #calls: Call[] = [];
  readonly #keys = new Set<Uint8Array>();
  /** Chunks that a lost thread left behind. */
  readonly #orphans: Chunk[] = [];
  #waiting = 0;
  #isWorkingHere = false;
  #isStopped = false;

  constructor(options: SignatureThreadsOptions = {}, ports: SignatureThreadsPorts = {}) {
    this.#count = options.threads ?? Math.max(1, Math.min(THREADS_MOST, availableParallelism() - 1));
    this.#log = ports.log ?? silentLogger;
    this.#newThread = ports.newThread ?? newSignatureThread;
  }

  /** How many threads are at work. */
  get threads(): number {
    return this.#threads.size;
  }

  async start(): Promise<void> {
    await Promise.all(Array.from({ length: this.#count }, () => this.#startThread()));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const stopping = new RivuletError("node.stopping", {});
    const orphaned = this.#orphans.splice(0).map((chunk) => chunk.call);
    const under = [...this.#threads].flatMap((thread) => thread.orders.map((chunk) => chunk.call));
    for (const call of [...this.#calls.splice(0), ...orphaned, ...under]) this.#end(call, stopping);
    this.#threads.clear();
    await Promise.all(Array.from(this.#workers, (worker) => worker.terminate()));
    for (const key of this.#keys) key.fill(0);
    this.#keys.clear();
  }

  /** Of each the account that signed; `undefined` when it is nobody's. Throws "node.overloaded", "node.stopping". */
  async recover(
    signed: readonly { readonly hash: Uint8Array; readonly signature: Uint8Array }[],
    signal?: AbortSignal,
  ): Promise<readonly (Address | undefined)[]> {
    return unpackSigners(await this.#run("recover", packSigned(signed), undefined, signal));
  }

  /** A signer whose key is kept here. The caller may wipe its own copy. Throws "config.invalid" when the key is not one. */
  signer(privateKey: Uint8Array): BatchSigner {
    const { address } = keySigner(privateKey);
    const key = new Uint8Array(new SharedArrayBuffer(privateKey.length));
    key.set(privateKey);
    this.#keys.add(key);
    return {
      address,
      sign: async (hashes, signal) => unpackSignatures(await this.#run("sign", packHashes(hashes), key, signal)),
    };
  }

  async #run(
    name: SignatureWorkName,
    input: Uint8Array,
    key: Uint8Array | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    signal?.throwIfAborted();
    if (this.#isStopped) throw new RivuletError("node.stopping", {});
    const { inputLength, outputLength } = signatureWorks[name];
    const count = input.length / inputLength;
    if (count <= INLINE_MOST) return doSignatureWork(name, input, key);
    if (this.#waiting + count > MAX_SIGNATURES_WAITING) throw new RivuletError("node.overloaded", {});
    const call: Call = {
      name,
      input,
      key,
      count,
      output: new Uint8Array(count * outputLength),
      settled: Promise.withResolvers(),
      next: 0,
      left: count,
      isOver: false,
    };
    this.#waiting += count;
    const abort = () => this.#end(call, signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.#calls.push(call);
    this.#feed();
    try {
      await call.settled.promise;
      return call.output;
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#waiting -= count;
    }
  }

  /** Gives out chunks for as long as there are chunks, and threads that can take one. */
  #feed(): void {
    if (this.#threads.size === 0) {
      void this.#workHere();
      return;
    }
    for (;;) {
      const thread = [...this.#threads].reduce((a, b) => (b.orders.length < a.orders.length ? b : a));
      if (thread.orders.length >= ORDERS_AT_ONCE) return;
      const chunk = this.#nextChunk();
      if (chunk === undefined) return;
      thread.orders.push(chunk);
      thread.worker.ref();
      const { name, key } = chunk.call;
      thread.worker.postMessage({ name, key, input: inputOf(chunk) } satisfies ThreadOrder);
    }
  }

  /** The calls take turns. */
  #nextChunk(): Chunk | undefined {
    const orphan = this.#orphans.shift();
    if (orphan !== undefined) return orphan;
    const call = this.#calls.shift();
    if (call === undefined) return undefined;
    if (call.isOver) return this.#nextChunk();
    const from = call.next;
    const to = Math.min(call.count, from + CHUNK);
    call.next = to;
    if (to < call.count) this.#calls.push(call);
    return { call, from, to };
  }

  async #workHere(): Promise<void> {
    if (this.#isWorkingHere) return;
    this.#isWorkingHere = true;
    for (let chunk = this.#nextChunk(); chunk !== undefined; chunk = this.#nextChunk()) {
      try {
        this.#answer(chunk, doSignatureWork(chunk.call.name, inputOf(chunk), chunk.call.key));
      } catch (error) {
        this.#end(chunk.call, error);
      }
      await setImmediate();
    }
    this.#isWorkingHere = false;
  }

  #answer({ call, from, to }: Chunk, output: Uint8Array): void {
    call.output.set(output, from * signatureWorks[call.name].outputLength);
    call.left -= to - from;
    if (call.left === 0) this.#end(call);
  }

  #end(call: Call, error?: unknown): void {
    if (call.isOver) return;
    call.isOver = true;
    if (error === undefined) call.settled.resolve();
    else call.settled.reject(error);
  }

  /** Resolves when the thread is ready, or when it turned out that it will never be. */
  async #startThread(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    try {
      this.#watch(this.#newThread(), resolve);
    } catch (error) {
      this.#log.warn("signature thread did not start", { reason: reasonOf(error) });
      resolve();
    }
    await promise;
  }

  #watch(worker: Worker, ready: () => void): void {
    const thread: Thread = { worker, orders: [] };
    let reason: string | undefined;
    this.#workers.add(worker);
    worker.once("error", (error) => {
      reason = reasonOf(error);
    });
    worker.once("exit", (code) => {
      this.#workers.delete(worker);
      this.#threads.delete(thread);
      ready();
      if (this.#isStopped) return;
      this.#log.warn("signature thread ended", { reason: reason ?? `exit code ${code}`, left: this.#threads.size });
      this.#orphans.push(...thread.orders.splice(0).filter((chunk) => !chunk.call.isOver));
      this.#feed();
    });
    worker.on("message", (message: "ready" | Uint8Array) => {
      if (this.#isStopped) return;
      if (message === "ready") this.#threads.add(thread);
      else this.#take(thread, message);
      // An idle thread keeps no process from ending.
      if (thread.orders.length === 0) worker.unref();
      ready();
    });
  }

  #take(thread: Thread, output: Uint8Array): void {
    const chunk = thread.orders.shift();
    if (chunk !== undefined && !chunk.call.isOver) this.#answer(chunk, output);
    this.#feed();
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A copy of its own, as a part of an array would cross threads with the whole of it. */
function inputOf({ call, from, to }: Chunk): Uint8Array {
  const { inputLength } = signatureWorks[call.name];
  return call.input.slice(from * inputLength, to * inputLength);
}
