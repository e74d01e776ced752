import type { Address } from "@rivulet/crypto";
import type { Pipeline } from "@rivulet/pipelines";
import { type Clock, feeFor, Rational, RivuletError, type Work } from "@rivulet/primitives";
import {
  batchManifestId,
  type Capabilities,
  type CapabilityPrice,
  type Charge,
  type Payment,
  type TicketParams,
} from "@rivulet/wire";
import type { ModelOffer } from "./executor.ts";
import type { Gateways } from "./gateway-webhook.ts";
import type { OrchestratorPayments } from "./payments.ts";
import { advertisedPrice, carriedPrice, Pricing, wantedModels } from "./pricing.ts";
import { highestWithin, Quotes } from "./quotes.ts";

/** What a gateway is told a job will cost, and what tickets it shall send for it. */
export interface Quotation {
  readonly price: Rational;
  readonly ticketParams: TicketParams;
}

/** A job as it is paid. */
export interface PaidJob {
  readonly pipeline: Pipeline;
  readonly model: string;
  readonly work: Work;
  /** Whether one of our own gateways asks. */
  readonly isOurs: boolean;
}

/** Money held for one job. Disposing an unsettled bill lets go of it: who failed is paid nothing. */
export interface Bill extends Disposable {
  /** What all of the work costs: the most that is charged. */
  readonly whole: Charge;
  /** Whether the payer reads what it was charged, and so pays for what was used only. */
  readonly isByUse: boolean;
  /** Books `units`, at most the whole, once. */
  settle(units: bigint): Promise<Charge>;
}

/**
 * Sells jobs: tells prices and ticket parameters, takes tickets, and holds what a job costs while it runs, so that two
 * hundred jobs at once cannot spend one balance twice. Source: payments-and-chain 5, 7, 13, 14.
 */
export class Cashier implements Disposable {
  readonly #payments: OrchestratorPayments;
  readonly #gateways: Pick<Gateways, "basePriceOf"> | undefined;
  readonly #quotes: Quotes;
  readonly #changes: Disposable;
  #pricing: Pricing;

  constructor(payments: OrchestratorPayments, clock: Clock, gateways?: Pick<Gateways, "basePriceOf">) {
    this.#payments = payments;
    this.#gateways = gateways;
    this.#quotes = new Quotes(clock);
    this.#pricing = new Pricing(payments.prices.table);
    this.#changes = payments.prices.onChanged(() => {
      this.#pricing = new Pricing(payments.prices.table);
    });
  }

  /** Whom tickets are made out to. */
  get recipient(): Address {
    return this.#payments.recipient.address;
  }

  isForSale(model: { readonly pipeline: Pipeline; readonly model: string }): boolean {
    return this.#pricing.isForSale(model);
  }

  list(gateway: Address, offers: readonly ModelOffer[]): readonly CapabilityPrice[] {
    return this.#pricing.list(gateway, offers);
  }

  /** `undefined` when something that is wanted is not for sale. Throws what `Recipient.issue` throws. */
  async quote(
    gateway: Address,
    wanted: Capabilities | undefined,
    signal?: AbortSignal,
  ): Promise<Quotation | undefined> {
    const base = this.#priceFor(gateway, wanted);
    if (base === undefined) return undefined;
    const price = await this.#advertised(gateway, base, signal);
    const ticketParams = await this.#payments.recipient.issue(gateway, price, signal);
    for (const [capability, model] of wanted === undefined ? [] : wantedModels(wanted))
      this.#quotes.tell(gateway, capability, model, price);
    return { price, ticketParams };
  }

  /**
   * Takes a payment and holds the fee of its job. Tickets that were taken stay on the account when it does not suffice.
   *
   * Throws "payment.price-missing", "payment.price-too-low", what `Recipient.accept` throws, and
   * "payment.insufficient-balance".
   */
  async take(payment: Payment, { pipeline, model, work, isOurs }: PaidJob, signal?: AbortSignal): Promise<Bill> {
    const { recipient, ledger } = this.#payments;
    const { capability } = pipeline;
    if (capability.kind !== "network") throw new RivuletError("payment.refused", { reason: "not for sale" });
    const told = await this.#told(payment, [capability.id, model], signal);
    const terms = { id: batchManifestId(capability.id, model), quoted: (expected: Rational) => within(told, expected) };
    const { account, price, refusal } = await recipient.accept(payment, terms, signal);
    if (refusal !== undefined) throw refusal;
    const cost = feeFor({ unit: work.unit, weiPerUnit: price }, work);
    // The rule of the network: one ticket's worth, and a debt after it if need be.
    const isByTicket = pipeline.isUndercounted === true && !isOurs;
    const oneTicket = Rational.of(recipient.ticketValue);
    const hold = ledger.hold(account, isByTicket && oneTicket.compare(cost) < 0 ? oneTicket : cost);
    return {
      whole: { units: work.amount, price, cost },
      isByUse: isOurs,
      settle: async (asked) => {
        const units = asked < work.amount ? asked : work.amount;
        const charge = { units, price, cost: price.times(units) };
        // Free work leaves no trace on accounts, or strangers could fill them.
        if (charge.cost.numerator > 0n) await hold.settle(charge.cost);
        return charge;
      },
      [Symbol.dispose]: () => hold[Symbol.dispose](),
    };
  }

  /**
   * Takes a payment that comes without a job, for a stream that goes on; the account is the manifest's. Resolves with what to
   * pay with next. Throws as `take`, and what `quote` throws. Source: payments-and-chain 8.4.
   */
  async topUp(
    payment: Payment,
    manifestId: string,
    wanted: Capabilities | undefined,
    signal?: AbortSignal,
  ): Promise<Quotation | undefined> {
    const [model] = wanted === undefined ? [] : wantedModels(wanted);
    const told = model === undefined ? [this.#basePrice(payment.sender)] : await this.#told(payment, model, signal);
    // A stream goes on at the price it began with.
    const terms = { id: manifestId, quoted: (expected: Rational) => highestWithin(told, expected) };
    const { refusal } = await this.#payments.recipient.accept(payment, terms, signal);
    if (refusal !== undefined) throw refusal;
    return await this.quote(payment.sender, wanted, signal);
  }

  /** Parameters at the price that a session was opened with; `undefined` when there is no such session. */
  async renew(sender: Address, manifestId: string, signal?: AbortSignal): Promise<Quotation | undefined> {
    const { recipient, ledger } = this.#payments;
    const price = ledger.fixedPrice({ side: "payee", peer: sender, id: manifestId });
    return price === undefined ? undefined : { price, ticketParams: await recipient.issue(sender, price, signal) };
  }

  [Symbol.dispose](): void {
    this.#changes[Symbol.dispose]();
  }

  /** Before overhead. `undefined` when a model that is wanted is not for sale. */
  #priceFor(gateway: Address, wanted: Capabilities | undefined): Rational | undefined {
    const isForNothing = wanted === undefined || wantedModels(wanted).length === 0;
    const own = isForNothing ? this.#gateways?.basePriceOf(gateway) : undefined;
    return own ?? this.#pricing.priceFor(gateway, wanted);
  }

  /** What is asked for nothing in particular. Throws when that is nothing: no session is opened at the price of free work. */
  #basePrice(sender: Address): Rational {
    const price = this.#priceFor(sender, undefined);
    if (price !== undefined && price.numerator > 0n) return price;
    throw new RivuletError("payment.refused", { reason: "say what for: nothing is sold without a model" });
  }

  /** What this payer was told, or would be told today when nothing is remembered. */
  async #told(
    { sender, expectedPrice }: Payment,
    [capability, model]: readonly [number, string],
    signal?: AbortSignal,
  ): Promise<readonly Rational[]> {
    const base = this.#pricing.priceOf(sender, capability, model);
    if (base === undefined) throw new RivuletError("payment.refused", { reason: "the model is not for sale" });
    const told = this.#quotes.find(sender, capability, model);
    const prices = told.length > 0 ? told : [await this.#advertised(sender, base, signal)];
    const isFree = prices.some(({ numerator }) => numerator <= 0n);
    if (expectedPrice === undefined && !isFree) throw new RivuletError("payment.price-missing", {});
    return prices;
  }

  async #advertised(gateway: Address, base: Rational, signal?: AbortSignal): Promise<Rational> {
    const isFixed = this.#payments.hasFixedPrices === true || base.numerator <= 0n;
    if (isFixed) return carriedPrice(base);
    return advertisedPrice(base, await this.#payments.recipient.txCostMultiplier(gateway, signal));
  }
}

/**
 * What was told is what is charged; the payer's own word is only compared with it. Not what it once opened its account with
 * either: accounts live as long as they are used, and prices do not.
 */
function within(told: readonly Rational[], expected: Rational): Rational {
  const charged = highestWithin(told, expected);
  if (charged !== undefined) return charged;
  throw new RivuletError("payment.price-too-low", { reason: `${expected} wei expected, ${told[0]} wei asked` });
}
