import { codeOf, isError, Rational } from "@rivulet/primitives";
import { chargeOf } from "@rivulet/wire";
import type { JobPayment, Outcome, PaidRequest } from "./payer.ts";

/**
 * The money of one request, settled once by how far it got. Orchestrators take a payment before the work and charge after
 * it: what fails in between costs nothing, and the credit stays there. Source: payments 8.4.
 */
export class Bill {
  readonly #request: PaidRequest;
  #hasArrived = false;
  #payment: JobPayment | undefined;
  #isOpen = true;

  constructor(request: PaidRequest) {
    this.#request = request;
    this.#payment = request.payment;
  }

  /** What the job cost, as far as that is known. */
  get payment(): JobPayment | undefined {
    return this.#payment;
  }

  /** The answer is a success. */
  arrived(): void {
    this.#hasArrived = true;
  }

  /** Charges what the orchestrator says, as long as that is no more than was agreed; else what was agreed. */
  charged(headers: Parameters<typeof chargeOf>[0]): JobPayment | undefined {
    const agreed = this.#request.payment;
    if (!this.#isOpen || agreed === undefined) return this.#payment;
    const told = chargeOf(headers);
    const holds = told?.price.compare(agreed.price) === 0 && told.cost.compare(agreed.fee) <= 0;
    this.#payment = told !== undefined && holds ? { ...agreed, units: told.units, fee: told.cost } : agreed;
    this.#settle({ kind: "charged", fee: this.#payment.fee });
    return this.#payment;
  }

  /** We gave the request up: its payment was taken most likely, and the work is perhaps done. */
  givenUp(): void {
    this.charged({});
  }

  /** The request failed, before or after its success. */
  failed(error: unknown): void {
    if (this.#hasArrived) this.charged({});
    else this.#settle(outcomeOf(error));
  }

  #settle(outcome: Outcome): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#request.settle(outcome);
  }
}

/** Refusals from before the payment is looked at, or because of it: it was not taken. */
const NOT_TAKEN: ReadonlySet<string> = new Set(["capacity.exhausted", "node.overloaded", "node.stopping"]);

/** What became of a payment whose request failed with an error. */
function outcomeOf(error: unknown): Outcome {
  const code = codeOf(error);
  if (code === "payment.insufficient-balance") return { kind: "void" };
  if (NOT_TAKEN.has(code) || code.startsWith("credentials.") || code.startsWith("payment.")) return { kind: "unsent" };
  if (isError(error, "peer.unreachable")) return { kind: error.facts.hadConnection === false ? "unsent" : "spent" };
  if (!isError(error)) return { kind: "spent" };
  return { kind: "charged", fee: Rational.ZERO };
}
