import { type Address, keccak256, keySigner, rawSign, recoverSigner } from "@rivulet/crypto";
import {
  Ledger,
  MemoryPaymentStore,
  type PaymentStore,
  type PaymentTerms,
  Recipient,
  type RecipientOptions,
  type RecipientPorts,
  Sender,
  SenderMonitor,
  type SenderOptions,
  type SignatureRecovery,
  type TicketParams,
  type TicketSigner,
  ticketValue,
  type WinnerRecord,
} from "@rivulet/payments";
import { Rational, silentLogger, wei } from "@rivulet/primitives";
import { MemoryChain, type MemoryChainOptions, seededRandomness, TestClock } from "@rivulet/testkit";

export const PRICE = Rational.of(3n, 2n);
export const ACCOUNT = "27_stabilityai/sd-turbo";
/** What one ticket is worth, and what gas for redeeming one costs at 10 gwei hundredths: as on Arbitrum One. */
export const TICKET_VALUE = wei(10n ** 12n);
const REDEMPTION_GAS = 1_200_000n;
const ETHER = 10n ** 18n;

const SENDER_OPTIONS: SenderOptions = {
  maxTicketValue: wei(3n * 10n ** 12n),
  maxTotalValue: wei(10n ** 16n),
  depositMultiplier: 1n,
};

/** Signs and recovers here and now. */
export const inlineRecovery: SignatureRecovery = {
  recover: async (signed) => signed.map(({ hash, signature }) => recoverSigner(hash, signature)),
};

export function inlineSigner(key: Uint8Array): TicketSigner {
  return {
    address: keySigner(key).address,
    sign: async (hashes) => hashes.map((hash) => rawSign(key, hash)),
  };
}

/** An account for tests: its key is its name, hashed. */
export function account(name: string): { readonly address: Address; readonly key: Uint8Array } {
  const key = keccak256(Buffer.from(name));
  return { address: keySigner(key).address, key };
}

/** Our quotes: this price and no other. */
export function terms(price = PRICE, id = ACCOUNT): PaymentTerms {
  return { id, quoted: (expected) => (price.compare(expected) <= 0 ? price : undefined) };
}

/** What a gateway has. */
export interface Payer {
  readonly sender: Sender;
  readonly ledger: Ledger;
  readonly store: PaymentStore;
}

/** One recipient and any number of senders around a chain in memory. */
export class PaymentWorld {
  readonly chain: MemoryChain;
  readonly clock = new TestClock();
  readonly randomness = seededRandomness(1);
  readonly won: WinnerRecord[] = [];
  readonly recipientAddress = account("recipient").address;

  constructor(chain: MemoryChainOptions = {}) {
    this.chain = new MemoryChain({ roundLength: 1000n, ...chain });
    this.chain.activate(this.recipientAddress, this.chain.currentRound);
  }

  /** A recipient on this store, as a process that starts now has it. */
  async recipient(
    store: PaymentStore = new MemoryPaymentStore(),
    options: Partial<RecipientOptions> = {},
    ports: Partial<RecipientPorts> = {},
  ) {
    const { chain, clock, randomness } = this;
    const senders = chain.sendersFor(this.recipientAddress);
    const ledger = new Ledger({ store, clock, log: silentLogger });
    await ledger.start();
    const recipient = new Recipient(
      {
        address: this.recipientAddress,
        ticketValue: TICKET_VALUE,
        maxFaceValue: wei(0n),
        redemptionGas: REDEMPTION_GAS,
        ...options,
      },
      {
        rounds: chain,
        senders,
        floats: new SenderMonitor({ senders, rounds: chain }),
        gasPrice: chain.gas,
        activity: chain,
        recovery: inlineRecovery,
        store,
        ledger,
        winners: { add: (winners) => this.won.push(...winners) },
        clock,
        randomness,
        log: silentLogger,
        ...ports,
      },
    );
    await recipient.start();
    return { recipient, ledger, store };
  }

  /** A sender with ample funds, unless told otherwise. */
  async payer(
    name = "sender",
    {
      store = new MemoryPaymentStore(),
      funds = { deposit: ETHER, reserve: ETHER },
      options = {},
      signer = inlineSigner(account(name).key),
    }: {
      readonly store?: PaymentStore;
      readonly funds?: { readonly deposit: bigint; readonly reserve: bigint };
      readonly options?: Partial<SenderOptions>;
      readonly signer?: TicketSigner;
    } = {},
  ): Promise<Payer> {
    const { address } = account(name);
    this.chain.fund(address, funds);
    const ledger = new Ledger({ store, clock: this.clock, log: silentLogger });
    await ledger.start();
    const sender = new Sender(
      { ...SENDER_OPTIONS, ...options },
      {
        rounds: this.chain,
        senders: this.chain.sendersFor(address),
        signer,
        store,
        clock: this.clock,
      },
    );
    return { sender, ledger, store };
  }

  /** A payment of `tickets` tickets, made for good. */
  async payment({ sender, ledger }: Payer, params: TicketParams, tickets = 1, price = PRICE) {
    const value = ticketValue(params);
    const key = { side: "payer", peer: params.recipient, id: "session" } as const;
    using staged = ledger.stage(key, value.times(BigInt(tickets)), value);
    const payment = await sender.pay({ params, price, staged });
    staged.send();
    await staged.settle(staged.newCredit);
    return payment;
  }
}
