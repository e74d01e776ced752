import { type Address, acceptAnySignature, type VerifySignature } from "@rivulet/crypto";
import { probeFiles } from "@rivulet/media";
import { type MediaFile, type Pipeline, workOf } from "@rivulet/pipelines";
import { type Clock, type ModelId, type Randomness, RivuletError, randomId, type Work } from "@rivulet/primitives";
import {
  type AuthTokens,
  type Capabilities,
  decodePayment,
  decodeSegmentCredentials,
  PAYMENT_HEADER,
  type Payment,
  RIVULET_HEADER,
  SEGMENT_HEADER,
  type SegmentCredentials,
  type VerifiedCredentials,
  verifySegmentCredentials,
} from "@rivulet/wire";
import type { Bill, Cashier } from "./cashier.ts";
import type { AdmittedJob, Slot } from "./executor.ts";
import { refusing, refusingLater } from "./http/refusal.ts";

/** A request that has been read and not yet looked at. */
export interface AskedJob {
  readonly pipeline: Pipeline;
  readonly model: ModelId;
  readonly request: Readonly<Record<string, unknown>>;
  readonly media: Readonly<Record<string, MediaFile>>;
}

/** A job we have agreed to do, the slot to do it on, and the money for it. Disposing gives both back. */
export interface Admitted extends Disposable {
  readonly job: AdmittedJob;
  readonly slot: Slot;
  readonly work: Work;
  /** Absent off-chain. */
  readonly bill: Bill | undefined;
}

export interface AdmissionPorts {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly tokens: AuthTokens;
  readonly verifySignature: VerifySignature;
  /** What this orchestrator offers now. */
  readonly capabilities: () => Capabilities;
  readonly tryReserve: (pipeline: Pipeline, model: ModelId) => Slot | undefined;
  /** Absent off-chain, where nobody pays. */
  readonly cashier?: Cashier;
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Credentials that were found good, and whose they are. */
interface Known {
  readonly credentials: SegmentCredentials;
  readonly sender: Address;
}

/** Credentials of one session are the same text with every job: so many are kept read, and checked again each time. */
const KNOWN_CREDENTIALS = 1024;

/**
 * Decides whether a job is taken, in the network's order: payment, identity, work, capacity, money. Whoever is refused has
 * paid nothing. Source: wire-protocol 4.4, steps 2 to 7.
 */
export class Admission {
  readonly #ports: AdmissionPorts;
  readonly #known = new Map<string, Known>();

  constructor(ports: AdmissionPorts) {
    this.#ports = ports;
  }

  /** Throws `Refusal` with the status of the step that refused, and the signal's reason. */
  async admit(asked: AskedJob, headers: Headers, signal: AbortSignal): Promise<Admitted> {
    const { randomness, tryReserve, cashier } = this.#ports;
    const { pipeline, model, request, media } = asked;
    const { payment } = this.identify(headers);
    const work = refusing(400, () => workOf(pipeline, request, probeFiles(pipeline.media, media)));
    using taken = new DisposableStack();
    const slot = refusing(503, () => {
      const reserved = tryReserve(pipeline, model);
      if (reserved === undefined) throw new RivuletError("capacity.exhausted", { pipeline: pipeline.name, model });
      return taken.use(reserved);
    });
    const isOurs = headers[RIVULET_HEADER] !== undefined;
    const paid = { pipeline, model, work, isOurs };
    const bill = await refusingLater(400, async () => await cashier?.take(payment, paid, signal));
    if (bill !== undefined) taken.use(bill);
    const job = { requestId: randomId(randomness), pipeline, model, request, media };
    const held = taken.move();
    return { job, slot, work, bill, [Symbol.dispose]: () => held.dispose() };
  }

  /** Who asks, and what is paid: steps 2 and 3. Throws `Refusal`. */
  identify(headers: Headers): { readonly payment: Payment; readonly credentials: VerifiedCredentials } {
    const { clock, tokens, verifySignature, capabilities } = this.#ports;
    const payment = refusing(402, () => decodePayment(single(headers[PAYMENT_HEADER])));
    const header = single(headers[SEGMENT_HEADER]) ?? "";
    const credentials = refusing(403, () => {
      const known = this.#known.get(header);
      const { sender } = payment;
      const verified = verifySegmentCredentials(known?.credentials ?? decodeSegmentCredentials(header), {
        sender,
        capabilities: capabilities(),
        tokens,
        // The same text by the same sender has been found to be signed by it.
        verifySignature: known?.sender === sender ? acceptAnySignature : verifySignature,
        now: clock.now(),
      });
      if (known === undefined) this.#remember(header, { credentials: verified, sender });
      return verified;
    });
    return { payment, credentials };
  }

  #remember(header: string, known: Known): void {
    const [oldest] = this.#known.keys();
    if (this.#known.size >= KNOWN_CREDENTIALS && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(header, known);
  }
}

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}
