import { type Address, address, keccak256, keySigner, rawSign } from "@rivulet/crypto";
import {
  CERTAIN_WIN,
  MemoryPaymentStore,
  RedemptionQueue,
  type RedemptionQueueOptions,
  SenderMonitor,
  type Ticket,
  ticketHash,
  type WinnerRecord,
  type WinningTicket,
} from "@rivulet/payments";
import { MemoryChain, type MemoryChainOptions, TestClock, turn } from "@rivulet/testkit";
import { word } from "../src/ticket.ts";

export const RECIPIENT = address(`0x${"70".repeat(20)}`);
export const FACE_VALUE = 10n ** 15n;

/** An account for tests: its key is its name, hashed. */
export function account(name: string): { readonly address: Address; readonly key: Uint8Array } {
  const key = keccak256(Buffer.from(name));
  return { address: keySigner(key).address, key };
}

/** A chain, a store and a queue on them, with the recipient active and senders to be funded. */
export class RedemptionWorld {
  readonly chain: MemoryChain;
  readonly store = new MemoryPaymentStore();
  readonly clock = new TestClock();
  readonly #options: RedemptionQueueOptions;
  #nonce = 0;
  #monitor: SenderMonitor | undefined;

  constructor(options: RedemptionQueueOptions = {}, chain: MemoryChainOptions = {}) {
    this.#options = options;
    this.chain = new MemoryChain({ roundLength: 100n, ...chain });
    this.chain.activate(RECIPIENT, this.chain.currentRound);
  }

  get monitor(): SenderMonitor {
    if (this.#monitor === undefined) throw new Error("no queue yet");
    return this.#monitor;
  }

  /** A queue as a process that starts now would have it. */
  async queue(): Promise<RedemptionQueue> {
    const { chain, store, clock } = this;
    const senders = chain.sendersFor(RECIPIENT);
    this.#monitor = new SenderMonitor({ senders, rounds: chain });
    const ports = {
      store,
      broker: chain.brokerFor(RECIPIENT),
      rounds: chain,
      senders,
      activity: chain,
      gas: chain.gas,
    };
    const queue = new RedemptionQueue(this.#options, { ...ports, monitor: this.#monitor, clock });
    await queue.start();
    return queue;
  }

  /** A ticket that is sure to win, with parameters that are good for some blocks more. */
  winner(sender: string, { faceValue = FACE_VALUE, goodFor = 0n } = {}): WinningTicket {
    this.#nonce += 1;
    const recipientRand = BigInt(this.#nonce);
    const { address, key } = account(sender);
    const ticket: Ticket = {
      recipient: RECIPIENT,
      sender: address,
      faceValue,
      winProbability: CERTAIN_WIN,
      senderNonce: this.#nonce,
      recipientRandHash: keccak256(word(recipientRand)),
      expiration: this.chain.creation,
    };
    const signature = rawSign(key, ticketHash(ticket));
    return { ticket, signature, recipientRand, paramsExpirationBlock: this.chain.l1Block + goodFor };
  }

  /** Writes winners down, as a recipient does before it answers. */
  keep(...winners: readonly WinningTicket[]): Promise<readonly WinnerRecord[]> {
    return this.store.addWinners(winners, this.clock.now());
  }

  /** Adds blocks one by one, with time for everybody to act in each. */
  async mine(blocks = 1): Promise<void> {
    for (let block = 0; block < blocks; block += 1) {
      this.chain.mine();
      await turn();
    }
  }

  async states(): Promise<readonly string[]> {
    const records = await this.store.winners({ limit: 1000 });
    return records.map(({ state }) => (state.kind === "lost" ? `lost ${state.why}` : state.kind));
  }
}
