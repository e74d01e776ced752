import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { type Address, addressBytes } from "@rivulet/crypto";
import type { MaxFloats, TicketStore, WinnerSink, WinningTicket } from "@rivulet/payments";
import {
  type Clock,
  clockDeadline,
  type Logger,
  minutes,
  orAborted,
  type Randomness,
  RivuletError,
  type Startable,
  seconds,
  wei,
} from "@rivulet/primitives";
import { maxFloatOf, TicketRedeemerService, winningTicketMessage } from "@rivulet/wire";
import { Backoff } from "../worker/backoff.ts";
import { REDEEMER_SECRET_HEADER } from "./redeemer.ts";
import { sentTicket } from "./winning-tickets.ts";

export interface RemoteRedeemerOptions {
  /** `https://host:port`. */
  readonly url: string;
  /** What the redeemer wants to be shown. */
  readonly secret?: string;
  /** The redeemer's certificate, PEM. Without it nobody's is verified, and the way to it must be private. */
  readonly certificate?: string;
}

export interface RemoteRedeemerPorts {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
  readonly store: Pick<TicketStore, "winners" | "setWinner">;
}

/** Source: payments-and-chain 9.6. */
const CALL_LIMIT = seconds(8);
/** A sender that nobody has asked about for so long is not watched any more. Source: payments-and-chain 9.6. */
const IDLE = minutes(5);
/** Senders that are watched, each by a stream. Beyond, they are asked about each time. */
const MAX_WATCHED = 500;
/** Winners read from the store at once. */
const PAGE = 100;
const PING_INTERVAL = seconds(20);
const PING_TIMEOUT = seconds(10);

interface Watched {
  maxFloat: Promise<bigint>;
  usedAt: number;
  readonly stop: AbortController;
}

/**
 * The way to a redeemer: hands winners over, and knows from it what senders are good for. In the place of a redemption queue
 * and a sender monitor of one's own.
 *
 * A winner stays in the store as queued until the redeemer has said that it has it, however often either side starts anew;
 * it may be told twice, which changes nothing. What the redeemer refuses for good is lost and says why.
 */
export class RemoteRedeemer implements Startable, WinnerSink, MaxFloats {
  readonly #options: RemoteRedeemerOptions;
  readonly #ports: RemoteRedeemerPorts;
  readonly #session: Http2SessionManager;
  readonly #client;
  readonly #watched = new Map<Address, Watched>();
  readonly #stopped = new AbortController();
  #woken = Promise.withResolvers<void>();
  #life: Promise<void> = Promise.resolve();

  constructor(options: RemoteRedeemerOptions, ports: RemoteRedeemerPorts) {
    const { url, certificate } = options;
    this.#options = options;
    this.#ports = ports;
    this.#session = new Http2SessionManager(
      url,
      { pingIntervalMs: PING_INTERVAL, pingTimeoutMs: PING_TIMEOUT },
      // The certificate itself is known; by which name the redeemer is reached does not matter.
      certificate === undefined
        ? { rejectUnauthorized: false }
        : { ca: certificate, checkServerIdentity: () => undefined },
    );
    this.#client = createClient(
      TicketRedeemerService,
      createGrpcTransport({ baseUrl: url, sessionManager: this.#session }),
    );
  }

  async start(): Promise<void> {
    this.#life = this.#live();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error("redeemer client stopped"));
    this.#woken.resolve();
    for (const { stop } of this.#watched.values()) stop.abort();
    await this.#life;
    this.#session.abort();
  }

  /** What is in the store is handed over in the background. */
  add(): void {
    this.#woken.resolve();
  }

  /** Throws "chain.unavailable" when the redeemer does not answer. */
  async maxFloat(sender: Address, signal?: AbortSignal): Promise<bigint> {
    const known = this.#watched.get(sender);
    if (known !== undefined) known.usedAt = this.#ports.clock.monotonic();
    const maxFloat = known?.maxFloat ?? this.#firstMaxFloat(sender);
    return await (signal === undefined ? maxFloat : orAborted(maxFloat, signal));
  }

  /** For everybody who wants to know meanwhile: whoever asked first may leave before the answer. */
  async #firstMaxFloat(sender: Address): Promise<bigint> {
    const answered = this.#ask(sender);
    this.#dropIdle();
    if (this.#watched.size < MAX_WATCHED) {
      const watched = { maxFloat: answered, usedAt: this.#ports.clock.monotonic(), stop: new AbortController() };
      this.#watched.set(sender, watched);
      void this.#follow(sender, watched);
    }
    try {
      return await answered;
    } catch (error) {
      this.#drop(sender);
      throw error;
    }
  }

  async #ask(sender: Address): Promise<bigint> {
    using limit = clockDeadline(this.#ports.clock, CALL_LIMIT, this.#stopped.signal);
    try {
      return maxFloatOf(
        await this.#client.maxFloat({ sender: addressBytes(sender) }, { signal: limit, headers: this.#headers }),
      );
    } catch (cause) {
      const reason = `the redeemer does not answer: ${ConnectError.from(cause).rawMessage}`;
      throw new RivuletError("chain.unavailable", { reason }, { cause });
    }
  }

  /** Keeps what is known of a sender as the redeemer tells it. Whatever ends the stream ends that knowledge. */
  async #follow(sender: Address, watched: Watched): Promise<void> {
    try {
      const updates = this.#client.monitorMaxFloat(
        { sender: addressBytes(sender) },
        { signal: watched.stop.signal, headers: this.#headers },
      );
      for await (const update of updates) watched.maxFloat = Promise.resolve(maxFloatOf(update));
    } catch {
      // It is asked again when somebody wants to know.
    } finally {
      if (this.#watched.get(sender) === watched) this.#watched.delete(sender);
    }
  }

  #dropIdle(): void {
    const now = this.#ports.clock.monotonic();
    for (const [sender, { usedAt }] of this.#watched) if (now - usedAt >= IDLE) this.#drop(sender);
  }

  #drop(sender: Address): void {
    this.#watched.get(sender)?.stop.abort();
    this.#watched.delete(sender);
  }

  async #live(): Promise<void> {
    const { clock, randomness, log } = this.#ports;
    const { signal } = this.#stopped;
    const backoff = new Backoff(randomness);
    while (!signal.aborted) {
      this.#woken = Promise.withResolvers<void>();
      try {
        const left = await this.#handOver();
        if (left === 0) {
          backoff.reset();
          await this.#woken.promise;
          continue;
        }
      } catch (error) {
        if (signal.aborted) return;
        log.warn("redeemer not reached", { reason: ConnectError.from(error).rawMessage });
      }
      await clock.sleep(backoff.next(), signal).catch(() => {});
    }
  }

  /** Hands over what is queued, in its order. Resolves with how many the redeemer would not have. */
  async #handOver(): Promise<number> {
    const { store, clock, log } = this.#ports;
    let refused = 0;
    for (let after = 0; ; ) {
      const page = await store.winners({ states: ["queued"], after, limit: PAGE });
      for (const { hash, winner } of page) {
        const outcome = await this.#send(winner);
        const at = clock.now();
        if (outcome === "taken") await store.setWinner(hash, { kind: "handed-over", at });
        else {
          log.error("redeemer refuses a winner", { ticket: hash, reason: outcome.rawMessage });
          if (outcome.code === Code.InvalidArgument)
            await store.setWinner(hash, {
              kind: "lost",
              why: "payment.ticket-invalid",
              reason: outcome.rawMessage,
              at,
              gasCost: wei(0n),
            });
          else refused += 1;
        }
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return refused;
      after = last.sequence;
    }
  }

  /** Throws when the redeemer did not answer. */
  async #send(winner: WinningTicket): Promise<"taken" | ConnectError> {
    using limit = clockDeadline(this.#ports.clock, CALL_LIMIT, this.#stopped.signal);
    try {
      await this.#client.queueTicket(winningTicketMessage(sentTicket(winner)), {
        signal: limit,
        headers: this.#headers,
      });
      return "taken";
    } catch (cause) {
      const error = ConnectError.from(cause);
      if (error.code === Code.InvalidArgument || error.code === Code.PermissionDenied) return error;
      throw error;
    }
  }

  get #headers(): Record<string, string> {
    const { secret } = this.#options;
    return secret === undefined ? {} : { [REDEEMER_SECRET_HEADER]: secret };
  }
}
