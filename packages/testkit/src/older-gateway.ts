import { type Address, discoveryText, keySigner, rawSign, type Signer } from "@rivulet/crypto";
import { ticketHash, ticketValue } from "@rivulet/payments";
import { type Milliseconds, minutes, Rational } from "@rivulet/primitives";
import {
  batchManifestId,
  bitsOf,
  type Capabilities,
  DEFAULT_CAPABILITIES,
  encodePayment,
  encodeSegmentCredentials,
  type OrchestratorInfo,
  type OrchestratorRequest,
  PAYMENT_HEADER,
  type Payment,
  SEGMENT_HEADER,
  type SignedTicket,
  signSegmentCredentials,
  type TicketParams,
  WORKER_PROTOCOL,
} from "@rivulet/wire";

/** How an older gateway reaches the one orchestrator it works with. */
export interface OlderGatewayPorts {
  readonly ask: (request: OrchestratorRequest) => Promise<OrchestratorInfo>;
  readonly post: (
    path: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array | string,
  ) => Promise<OlderAnswer>;
  /** The last L1 block that it saw. */
  readonly l1Block: () => bigint;
  readonly now: () => Milliseconds;
}

export interface OlderAnswer {
  readonly status: number;
  readonly text: string;
}

/** A job as the gateway sees it. */
export interface OlderJob {
  readonly capability: number;
  readonly pipeline: string;
  readonly model: string;
  /** By the gateway's own count. */
  readonly units: bigint;
  readonly contentType: string;
  readonly body: Uint8Array | string;
}

/** What came of a job. */
export interface OlderOutcome extends OlderAnswer {
  readonly tries: number;
  /** Whether the orchestrator would be left alone from now on. */
  readonly isSuspended: boolean;
  /** What the gateway believes to have paid, and in how many tickets. */
  readonly fee: Rational;
  readonly tickets: number;
}

interface Session {
  readonly info: OrchestratorInfo;
  readonly params: TicketParams;
  readonly price: Rational;
}

const MAX_SAME_TRIES = 3;
const TOKEN_MARGIN = minutes(3);
/** Blocks before their expiry in which parameters are not used any more. */
const EXPIRY_MARGIN = 1n;
const MAX_TICKET_EV = Rational.of(3_000_000_000_000n);

/**
 * A gateway as the older software behaves: its own count of work and credit, one nonce counter for each set of parameters,
 * beginning at 1, and the phrases it decides by. Source: payments-and-chain 6.1 to 6.6, 14.2.
 */
export class OlderGateway {
  readonly address: Address;
  /** Discovery questions so far. */
  asked = 0;
  /** Every payment that left, as it was sent. */
  readonly payments: Payment[] = [];
  /** Changes a payment before it is sent. */
  tamper: (payment: Payment) => Payment = (payment) => payment;
  /** The most that a ticket may be worth, in wei. */
  maxTicketValue: Rational = MAX_TICKET_EV;
  readonly #key: Uint8Array;
  readonly #signer: Signer;
  readonly #ports: OlderGatewayPorts;
  readonly #sessions = new Map<string, Session>();
  readonly #nonces = new Map<string, number>();
  readonly #balances = new Map<string, Rational>();

  constructor(key: Uint8Array, ports: OlderGatewayPorts) {
    this.#key = key;
    this.#signer = keySigner(key);
    this.#ports = ports;
    this.address = this.#signer.address;
  }

  /** What this gateway believes is left of its sessions' credit, all together. */
  get credit(): Rational {
    return [...this.#balances.values()].reduce((sum, balance) => sum.plus(balance), Rational.ZERO);
  }

  /** Throws what asking throws, and `Error` for parameters the gateway does not accept. */
  async job(job: OlderJob): Promise<OlderOutcome> {
    for (let tries = 1; ; tries += 1) {
      const outcome = await this.#try(job);
      const said = outcome.text.toLowerCase();
      const isExpired = outcome.status !== 200 && said.includes("ticketparams expired");
      if (isExpired && tries < MAX_SAME_TRIES) continue;
      const isSuspended =
        outcome.status !== 200 &&
        !said.includes("invalid ticket sendernonce") &&
        !said.includes("insufficient capacity") &&
        !said.includes("returned 400");
      return { ...outcome, tries, isSuspended };
    }
  }

  async #try(job: OlderJob): Promise<Omit<OlderOutcome, "tries" | "isSuspended">> {
    const session = await this.#session(job);
    const { info, params, price } = session;
    const token = info.authToken;
    if (token === undefined) throw new Error("no auth token");
    const key = `${info.address} ${token.sessionId}`;
    const fee = price.times(job.units);
    const value = ticketValue(params);
    const credit = this.#balances.get(key) ?? Rational.ZERO;
    const needed = fee.compare(value) > 0 ? fee : value;
    this.#balances.delete(key);
    const missing = needed.minus(credit);
    const tickets = missing.numerator <= 0n || value.numerator === 0n ? 0 : Number(missing.dividedBy(value).ceil());
    const payment = this.tamper(this.#payment(session, tickets));
    this.payments.push(payment);
    const capabilities = wanting(job);
    const manifestId = batchManifestId(job.capability, job.model);
    const answer = await this.#ports.post(
      `/${job.pipeline}`,
      {
        "content-type": job.contentType,
        authorization: WORKER_PROTOCOL,
        [PAYMENT_HEADER]: encodePayment(payment),
        [SEGMENT_HEADER]: encodeSegmentCredentials(
          signSegmentCredentials({ manifestId, capabilities, authToken: token }, this.#signer),
        ),
      },
      job.body,
    );
    // Whatever was sent counts as spent, unless the work was done.
    if (answer.status === 200) {
      const rest = credit.plus(value.times(BigInt(tickets))).minus(fee);
      this.#balances.set(key, (this.#balances.get(key) ?? Rational.ZERO).plus(rest));
    }
    return { ...answer, fee, tickets };
  }

  #payment({ params, price }: Session, tickets: number): Payment {
    const common = { sender: this.address, expectedPrice: price };
    const { expiration, ...bare } = params;
    if (tickets === 0 || expiration === undefined) return common;
    const signed = Array.from({ length: tickets }, () => this.sign(params));
    return { ...common, tickets: { params: bare, expiration, signed } };
  }

  /** The next ticket under these parameters. */
  sign(params: TicketParams, nonce = this.#nextNonce(params)): SignedTicket {
    const { recipient, faceValue, winProbability, recipientRandHash } = params;
    const expiration = params.expiration ?? { creationRound: 0n, creationRoundBlockHash: new Uint8Array(32) };
    const ticket = { recipient, sender: this.address, faceValue, winProbability, recipientRandHash, expiration };
    return { senderNonce: nonce, signature: rawSign(this.#key, ticketHash({ ...ticket, senderNonce: nonce })) };
  }

  #nextNonce({ recipientRandHash }: TicketParams): number {
    const key = Buffer.from(recipientRandHash).toString("hex");
    const nonce = (this.#nonces.get(key) ?? 0) + 1;
    this.#nonces.set(key, nonce);
    return nonce;
  }

  /** The session of a model, refreshed when its token or its parameters are about to end. */
  async #session(job: OlderJob): Promise<Session> {
    const key = batchManifestId(job.capability, job.model);
    const known = this.#sessions.get(key);
    if (known !== undefined && !this.#isDue(known)) return known;
    const fresh = await this.ask(wanting(job));
    this.#sessions.set(key, fresh);
    return fresh;
  }

  /** Asks for a price and parameters. Throws `Error` for what the gateway would not accept. */
  async ask(capabilities: Capabilities): Promise<Session> {
    this.asked += 1;
    const info = await this.#ports.ask({
      address: this.address,
      signature: this.#signer.sign(discoveryText(this.address)),
      capabilities,
      ignoresCapacity: false,
    });
    const { ticketParams: params, price } = info;
    if (params === undefined || price === undefined) throw new Error("missing orchestrator price");
    const value = ticketValue(params);
    if (value.numerator > 0n) {
      if (value.compare(Rational.of(params.faceValue)) >= 0) throw new Error("ticket faceValue too low");
      if (value.compare(this.maxTicketValue) > 0) throw new Error("ticket EV too high");
    }
    return { info, params, price };
  }

  #isDue({ info, params }: Session): boolean {
    const isTokenDue = (info.authToken?.expiresAt ?? 0) - this.#ports.now() < TOKEN_MARGIN;
    return isTokenDue || params.expirationBlock - this.#ports.l1Block() <= EXPIRY_MARGIN;
  }
}

/** What the gateway asks an orchestrator for: one model of one capability. */
export function wanting({ capability, model }: Pick<OlderJob, "capability" | "model">): Capabilities {
  const numbers = [...DEFAULT_CAPABILITIES, capability];
  const constraint = { isWarm: false, capacity: 0, runnerVersion: "", capacityInUse: 0 };
  return {
    bits: bitsOf(numbers),
    mandatory: [],
    capacities: new Map(numbers.map((number) => [number, 1])),
    version: "",
    minVersion: "",
    models: new Map([[capability, new Map([[model, constraint]])]]),
  };
}
