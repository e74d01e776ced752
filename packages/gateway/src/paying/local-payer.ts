import { type Address, discoveryText, type Signer, ZERO_ADDRESS } from "@rivulet/crypto";
import {
  CERTAIN_WIN,
  type Ledger,
  type Rounds,
  type Sender,
  type Staged,
  type TicketParams,
  ticketValue,
} from "@rivulet/payments";
import { type Clock, feeFor, isError, Rational, RivuletError } from "@rivulet/primitives";
import { encodePayment, PAYMENT_HEADER, SEGMENT_HEADER } from "@rivulet/wire";
import type { Terms } from "../terms.ts";
import { Credentials, manifestIdOf } from "./credentials.ts";
import { acceptableTerms, FirstPrices } from "./first-prices.ts";
import type { Identity, Objection, Order, Outcome, PaidRequest, Payer, Peer } from "./payer.ts";

export interface LocalPayerPorts {
  /** Signs questions and credentials; of the same account as the sender's tickets. */
  readonly signer: Signer;
  readonly sender: Sender;
  readonly ledger: Ledger;
  readonly rounds: Pick<Rounds, "onBlock">;
  readonly clock: Clock;
}

/** What is wrong with our own account, and what its owner can do. */
const remedies = {
  "payment.sender-unfunded": "lock deposit and reserve: rivulet deposit, rivulet reserve",
  "payment.sender-unlocking": "keep what is locked: rivulet unlock cancel",
  "payment.sender-unreadable": "",
} as const;

/**
 * Pays with tickets of an account whose key is here. Credit is kept for each orchestrator and model, as the orchestrator
 * keeps it, so that a new session does not strand it. Source: payments 6, 14.2.
 */
export class LocalPayer implements Payer {
  readonly wantsTerms = true;
  readonly #ports: LocalPayerPorts;
  readonly #identity: Identity;
  readonly #credentials: Credentials;
  readonly #first: FirstPrices;

  constructor(ports: LocalPayerPorts) {
    const { address } = ports.signer;
    this.#ports = ports;
    this.#identity = { address, signature: ports.signer.sign(discoveryText(address)) };
    this.#credentials = new Credentials(ports.signer);
    this.#first = new FirstPrices(ports.clock);
  }

  async identity(): Promise<Identity> {
    return this.#identity;
  }

  async assertSolvent(signal: AbortSignal): Promise<void> {
    try {
      await this.#ports.sender.validate(OF_ONE_WEI, 1, signal);
    } catch (error) {
      throw explained(error, this.#identity.address);
    }
  }

  async check({ params }: Terms, signal: AbortSignal): Promise<void> {
    if (params === undefined) return;
    try {
      await this.#ports.sender.validate(params, 1, signal);
    } catch (error) {
      if (remedyOf(error) === undefined) throw error;
    }
  }

  objection({ offer }: Peer): Objection | undefined {
    return offer.objection ?? (offer.terms === undefined ? NO_TERMS : undefined);
  }

  async pay(order: Order, signal: AbortSignal): Promise<PaidRequest> {
    const terms = acceptableTerms(order, this.#first);
    const { price, params, token } = terms;
    const { pipeline, model, work, capabilities } = order;
    const fee = feeFor({ unit: pipeline.unit, weiPerUnit: price }, work);
    const manifestId = manifestIdOf(pipeline, model);
    const headersWith = (payment: string) => ({
      [SEGMENT_HEADER]: this.#credentials.header(token, manifestId, capabilities),
      [PAYMENT_HEADER]: payment,
    });
    const told = { price, units: work.amount, fee };
    if (params === undefined || price.compare(Rational.ZERO) === 0) {
      const payment = encodePayment({ sender: this.#identity.address, expectedPrice: price });
      return {
        headers: headersWith(payment),
        payment: { ...told, tickets: 0, expectedValue: Rational.ZERO },
        settle() {},
      };
    }
    const { ledger, sender } = this.#ports;
    const account = { side: "payer", peer: params.recipient, id: `${manifestId} ${order.session.serviceUri}` } as const;
    using resources = new DisposableStack();
    const staged = resources.use(ledger.stage(account, fee, ticketValue(params)));
    const payment = await sender.pay({ params, price, staged, signal }).catch((error: unknown) => {
      throw explained(error, this.#identity.address);
    });
    const headers = headersWith(encodePayment(payment));
    signal.throwIfAborted();
    this.#first.paid(order, terms);
    staged.send();
    resources.move();
    return {
      headers,
      payment: { ...told, tickets: staged.tickets, expectedValue: staged.newCredit },
      settle: (outcome) => settle(staged, outcome),
    };
  }

  isDue({ params }: Terms): boolean {
    return params !== undefined && this.#ports.sender.isDue(params);
  }

  isOver({ params }: Terms): boolean {
    return params !== undefined && this.#ports.sender.isExpired(params);
  }

  onDue(listener: () => void): Disposable {
    return this.#ports.rounds.onBlock(listener);
  }
}

const NO_TERMS: Objection = { code: "payment.price-missing", reason: "no terms were told" };

/** The cheapest tickets there are: what speaks against them speaks against all, and is our own account's. */
const OF_ONE_WEI: TicketParams = {
  recipient: ZERO_ADDRESS,
  faceValue: 2n,
  winProbability: CERTAIN_WIN / 2n,
  recipientRandHash: new Uint8Array(32),
  seed: 0n,
  expirationBlock: 2n ** 63n,
};

/** The error, with what the account's owner can do where it is about our account and not the peer's fault. */
function explained(error: unknown, account: Address): unknown {
  const remedy = remedyOf(error);
  if (!isError(error) || remedy === undefined) return error;
  if (isError(error, "payment.sender-unreadable")) return new RivuletError("chain.unavailable", {}, { cause: error });
  const reason = `account ${account}: ${reasonIn(error) ?? error.code}; ${remedy}`;
  return new RivuletError(error.code, { reason }, { cause: error });
}

function reasonIn({ facts }: RivuletError): string | undefined {
  return "reason" in facts ? facts.reason : undefined;
}

function remedyOf(error: unknown): string | undefined {
  return isError(error) && Object.hasOwn(remedies, error.code)
    ? remedies[error.code as keyof typeof remedies]
    : undefined;
}

function settle(staged: Staged, outcome: Outcome): void {
  using _ended = staged;
  if (outcome.kind === "unsent") staged.takeBack();
  // Written in the background: the ledger logs a failure and tries again.
  if (outcome.kind === "charged") void staged.settle(outcome.fee);
}
