import { type Address, addressFromBytes, keccak256, keySigner, rawSign, recoverSigner } from "@rivulet/crypto";
import {
  type AcceptedPayment,
  type AccountKey,
  Ledger,
  MemoryPaymentStore,
  type Payment,
  Recipient,
  RedemptionQueue,
  type RedemptionQueueOptions,
  Sender,
  SenderMonitor,
  type TicketParams,
  ticketValue,
} from "@rivulet/payments";
import { Rational, silentLogger, wei } from "@rivulet/primitives";
import type { MemoryChain } from "@rivulet/testkit";
import type { Chance } from "./chance.ts";
import type { JumpingClock } from "./clock.ts";

/** What one ticket shall be worth. */
export const TICKET_VALUE = wei(10n ** 12n);
/** One ticket in twenty wins. */
const MAX_FACE_VALUE = wei(20n * TICKET_VALUE);
const LIMITS = {
  maxTicketValue: wei(3n * TICKET_VALUE),
  maxTotalValue: wei(100n * TICKET_VALUE),
  depositMultiplier: 1n,
};
/** The account of a job at the one who works: a capability and a model. */
const ACCOUNT = "27_model";

/** What all nodes share. */
export interface World {
  readonly chain: MemoryChain;
  readonly clock: JumpingClock;
  readonly chance: Chance;
}

/** Parameters and the price they were issued at. */
export interface Offer {
  readonly params: TicketParams;
  readonly price: Rational;
}

/** A paid job on its way. */
export interface Job {
  readonly payment: Payment;
  readonly units: bigint;
}

/** An orchestrator. Its store survives restarts, and nothing else does. */
export class RecipientNode {
  readonly address: Address;
  readonly store = new MemoryPaymentStore();
  /** What was charged for jobs, in exact wei. */
  charged = Rational.ZERO;
  readonly #world: World;
  readonly #limits: RedemptionQueueOptions;
  #price = Rational.of(10n ** 12n);
  #previousPrice = this.#price;
  #life: { readonly ledger: Ledger; readonly recipient: Recipient; readonly queue: RedemptionQueue } | undefined;

  constructor(name: string, world: World, limits: RedemptionQueueOptions) {
    this.address = addressFromBytes(keccak256(Buffer.from(name)));
    this.#world = world;
    this.#limits = limits;
  }

  get queue(): RedemptionQueue {
    return this.#running.queue;
  }

  async start(): Promise<void> {
    const { chain, clock, chance } = this.#world;
    const { store, address } = this;
    const log = silentLogger;
    const broker = chain.brokerFor(address);
    const senders = chain.sendersFor(address);
    const ledger = new Ledger({ store, clock, log });
    const monitor = new SenderMonitor({ senders, rounds: chain });
    const common = { store, rounds: chain, senders, activity: chain, clock, log };
    const queue = new RedemptionQueue(this.#limits, { ...common, broker, gas: chain.gas, monitor });
    const recipient = new Recipient(
      {
        address,
        ticketValue: TICKET_VALUE,
        maxFaceValue: MAX_FACE_VALUE,
        redemptionGas: broker.redemptionGas(1),
      },
      {
        ...common,
        floats: monitor,
        gasPrice: chain.gas,
        recovery: { recover: async (signed) => signed.map(({ hash, signature }) => recoverSigner(hash, signature)) },
        ledger,
        winners: queue,
        randomness: chance,
      },
    );
    await ledger.start();
    await recipient.start();
    await queue.start();
    this.#life = { ledger, recipient, queue };
  }

  async stop(): Promise<void> {
    const { ledger, recipient, queue } = this.#running;
    this.#life = undefined;
    await recipient.stop();
    await queue.stop();
    await ledger.stop();
  }

  changePrice(): void {
    this.#previousPrice = this.#price;
    this.#price = Rational.of(BigInt(this.#world.chance.between(50, 200)) * 10n ** 10n);
  }

  async offer(sender: Address): Promise<Offer> {
    const price = this.#price;
    return { params: await this.#running.recipient.issue(sender, price), price };
  }

  /** Takes the money. */
  accept(payment: Payment): Promise<AcceptedPayment> {
    const told = [this.#price, this.#previousPrice].toSorted((a, b) => b.compare(a));
    return this.#running.recipient.accept(payment, {
      id: ACCOUNT,
      quoted: (expected) => told.find((price) => price.compare(expected) <= 0),
    });
  }

  /** Does the work. */
  async work({ account, price }: AcceptedPayment, units: bigint): Promise<void> {
    const fee = price.times(units);
    using hold = this.#running.ledger.hold(account, fee);
    await hold.settle(fee);
    this.charged = this.charged.plus(fee);
  }

  get #running() {
    if (this.#life === undefined) throw new Error("this recipient is down");
    return this.#life;
  }
}

/** A gateway. Its store survives restarts, and nothing else does. */
export class SenderNode {
  readonly address: Address;
  readonly store = new MemoryPaymentStore();
  readonly offers = new Map<Address, Offer>();
  readonly #key: Uint8Array;
  readonly #world: World;
  #life: { readonly ledger: Ledger; readonly sender: Sender } | undefined;

  constructor(name: string, world: World) {
    this.#key = keccak256(Buffer.from(name));
    this.address = keySigner(this.#key).address;
    this.#world = world;
  }

  async start(): Promise<void> {
    const { chain, clock } = this.#world;
    const { store, address } = this;
    const ledger = new Ledger({ store, clock, log: silentLogger });
    const senders = chain.sendersFor(address);
    const signer = {
      address,
      sign: async (hashes: readonly Uint8Array[]) => hashes.map((hash) => rawSign(this.#key, hash)),
    };
    await ledger.start();
    this.#life = { ledger, sender: new Sender(LIMITS, { rounds: chain, senders, signer, store, clock }) };
  }

  async stop(): Promise<void> {
    const { ledger } = this.#running;
    this.#life = undefined;
    this.offers.clear();
    await ledger.stop();
  }

  /** Pays for one job and has it done. `send` resolves to whether the answer came. */
  async pay(recipient: RecipientNode, units: bigint, send: (job: Job) => Promise<boolean>): Promise<void> {
    const { ledger, sender } = this.#running;
    const known = this.offers.get(recipient.address);
    const offer = known === undefined || sender.isDue(known.params) ? await recipient.offer(this.address) : known;
    this.offers.set(recipient.address, offer);
    const { params, price } = offer;
    await sender.validate(params);
    const account: AccountKey = { side: "payer", peer: recipient.address, id: "session" };
    const fee = price.times(units);
    using staged = ledger.stage(account, fee, ticketValue(params));
    const payment = await sender.pay({ params, price, staged });
    staged.send();
    if (await send({ payment, units })) await staged.settle(fee);
  }

  get #running() {
    if (this.#life === undefined) throw new Error("this sender is down");
    return this.#life;
  }
}
