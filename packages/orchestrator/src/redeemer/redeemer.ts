import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type Address, addressFromBytes, checksumAddress } from "@rivulet/crypto";
import type { SenderMonitor, SignatureRecovery, TicketStore, WinnerSink } from "@rivulet/payments";
import { type Clock, isError, type Logger, linked, orAborted, type Startable } from "@rivulet/primitives";
import {
  isSecret,
  legacyPhraseOf,
  maxFloatMessage,
  TicketRedeemerService,
  type WinningTicket,
  winningTicketOf,
} from "@rivulet/wire";
import { type Certificate, selfSignedCertificate } from "../http/certificate.ts";
import { answer } from "../http/exchange.ts";
import { type ListenAddress, Listener } from "../http/listener.ts";
import { MAX_QUESTION_BYTES } from "../limits.ts";
import { checkWon, keptTicket } from "./winning-tickets.ts";

/** In which header orchestrators show the secret. Ours: those of the older software send none. */
export const REDEEMER_SECRET_HEADER = "x-rivulet-secret";

export interface RedeemerOptions {
  readonly listen: ListenAddress;
  /** Whom the tickets must be made out to. */
  readonly recipient: Address;
  /** When set, only those who know it are served. A ticket is a secret until its parameters have expired. */
  readonly secret?: string;
  /** For orchestrators that verify it; by default one that is made at each start, which nobody can. */
  readonly certificate?: Certificate;
}

export interface RedeemerPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: Pick<TicketStore, "addWinners">;
  /** Redeems what is in the store. */
  readonly queue: WinnerSink;
  readonly monitor: Pick<SenderMonitor, "maxFloat" | "onChanged">;
  readonly recovery: SignatureRecovery;
}

/**
 * Redeems for several orchestrators of one operator: takes their winners, and tells what senders are good for. A ticket is
 * on disk before its orchestrator is answered; the same ticket again changes nothing. Source: payments-and-chain 9.6.
 *
 * `start` throws "node.cannot-start" when the port is taken. The queue and the store are the caller's: to be started before
 * and stopped after.
 */
export class Redeemer implements Startable {
  readonly #options: RedeemerOptions;
  readonly #ports: RedeemerPorts;
  readonly #stopping = new AbortController();
  #listener: Listener | undefined;

  constructor(options: RedeemerOptions, ports: RedeemerPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  /** Where it is reached on this machine. Only while it is started. */
  get address(): string {
    return this.#listener?.url ?? "";
  }

  async start(): Promise<void> {
    const { listen, certificate } = this.#options;
    const shown = certificate ?? (await selfSignedCertificate(listen.host, new Date(this.#ports.clock.now())));
    const grpc = this.#handler();
    const listener = new Listener(listen, shown, (request, response) => {
      if (request.headers["content-type"]?.startsWith("application/grpc") === true && request.httpVersionMajor === 2)
        grpc(request, response);
      else answer(response, request.url === "/healthz" ? 200 : 404, {});
    });
    await listener.start();
    this.#listener = listener;
    this.#ports.log.info("redeemer started", { address: listener.url, recipient: this.#options.recipient });
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("redeemer stopped"));
    await this.#listener?.stop();
  }

  #handler() {
    return connectNodeAdapter({
      connect: false,
      acceptCompression: [],
      grpcWeb: false,
      readMaxBytes: MAX_QUESTION_BYTES,
      routes: (router) =>
        router.service(TicketRedeemerService, {
          queueTicket: (message, context) =>
            this.#guarded(context, async () => {
              await this.#take(winningTicketOf(message), context.signal);
              return {};
            }),
          maxFloat: ({ sender }, context) => this.#guarded(context, () => this.#maxFloat(sender, context.signal)),
          monitorMaxFloat: ({ sender }, context) => this.#updates(sender, context),
        }),
    });
  }

  async #take(ticket: WinningTicket, signal: AbortSignal): Promise<void> {
    const { recipient } = this.#options;
    const { store, queue, clock, recovery } = this.#ports;
    if (ticket.params.recipient !== recipient) {
      const [told, expected] = [ticket.params.recipient, recipient].map(checksumAddress);
      throw new ConnectError(`invalid ticket recipient ${told}, expected ${expected}`, Code.PermissionDenied);
    }
    const winner = keptTicket(ticket);
    await checkWon(winner, recovery, signal);
    queue.add(await store.addWinners([winner], clock.now()));
  }

  async #maxFloat(sender: Uint8Array, signal: AbortSignal) {
    const maxFloat = await this.#ports.monitor.maxFloat(addressFromBytes(sender), signal);
    // The wire has no numbers below zero, and a sender that is good for less than nothing is good for nothing.
    return maxFloatMessage(maxFloat > 0n ? maxFloat : 0n);
  }

  /**
   * A message after each change, changes that come together as one. The first comes at once, so that what changed while the
   * stream was opened is not missed.
   */
  async *#updates(bytes: Uint8Array, context: HandlerContext) {
    this.#authorize(context);
    const sender = addressFromBytes(bytes);
    using ended = linked(context.signal, this.#stopping.signal);
    const left = ended.signal;
    let changed = Promise.withResolvers<void>();
    using _watch = this.#ports.monitor.onChanged((whose) => {
      if (whose === undefined || whose === sender) changed.resolve();
    });
    while (!left.aborted) {
      yield await this.#guarded(context, () => this.#maxFloat(bytes, left));
      await orAborted(changed.promise, left).catch(() => {});
      changed = Promise.withResolvers<void>();
    }
  }

  #authorize({ requestHeader }: HandlerContext): void {
    const { secret } = this.#options;
    if (secret !== undefined && !isSecret(requestHeader.get(REDEEMER_SECRET_HEADER) ?? "", secret))
      throw new ConnectError("invalid secret", Code.Unauthenticated);
  }

  async #guarded<T>(context: HandlerContext, call: () => Promise<T>): Promise<T> {
    this.#authorize(context);
    try {
      return await call();
    } catch (error) {
      if (error instanceof ConnectError) throw error;
      if (!isError(error))
        this.#ports.log.error("redeemer call failed", { reason: error instanceof Error ? error.message : "unknown" });
      throw new ConnectError(
        legacyPhraseOf(error),
        isError(error, "payment.ticket-invalid") ? Code.InvalidArgument : Code.Unknown,
      );
    }
  }
}
