import type { Address } from "@rivulet/crypto";
import { Lease, type Wei } from "@rivulet/primitives";
import type { MaxFloats, Rounds, SenderFunds, Senders } from "./ports.ts";

/** A deposit this many times what is pending pays it all, so that the whole reserve stands behind new tickets. */
const SAFE_DEPOSIT = 3n;

/** How many listeners a monitor takes: one for each stream to an orchestrator that redeems through this node, and some. */
const MAX_LISTENERS = 1_000;

/** What a sender is good for. */
export interface SenderCover {
  /** Our part of its reserve that is not claimed yet. Below zero when the pool grew after we claimed. */
  readonly reserveShare: bigint;
  /** The highest face value that its funds cover; below zero when more is pending than they do. */
  readonly maxFloat: bigint;
  /** What could be paid now for all that is pending and more. */
  readonly available: bigint;
}

/**
 * What `funds` are good for when winners over `pending` wei wait to be paid. Source: payments 9.2.
 *
 * The reserve is shared evenly among the orchestrators of the round, each part promised to one of them. The deposit is
 * anybody's, and so it only helps while it is large beside what is pending.
 */
export function senderCover(funds: SenderFunds, poolSize: bigint, pending: bigint): SenderCover {
  const share = poolSize === 0n ? 0n : (funds.reserveRemaining + funds.reserveClaimedInCurrentRound) / poolSize;
  const reserveShare = poolSize === 0n ? 0n : share - funds.reserveClaimedByUs;
  const isSafe = pending > 0n && funds.deposit >= SAFE_DEPOSIT * pending;
  return {
    reserveShare,
    maxFloat: isSafe ? reserveShare : reserveShare - pending,
    available: reserveShare + funds.deposit - pending,
  };
}

/** The ports of a sender monitor. */
export interface SenderMonitorPorts {
  readonly senders: Senders;
  readonly rounds: Rounds;
}

/**
 * What every sender is good for, with the winners that wait counted from the moment they are known.
 *
 * The reference counts only those whose transaction is in flight, and so takes on more than the funds cover while tickets
 * wait for their parameters to expire.
 *
 * Keeps one number for a sender that owes something, and nothing for the others: it is bounded by the queue of winners.
 */
export class SenderMonitor implements MaxFloats, Disposable {
  readonly #ports: SenderMonitorPorts;
  readonly #pending = new Map<Address, bigint>();
  readonly #listeners = new Set<(sender: Address | undefined) => void>();
  readonly #watches: readonly Disposable[];

  constructor(ports: SenderMonitorPorts) {
    this.#ports = ports;
    this.#watches = [
      ports.senders.onChanged((sender) => this.#tell(sender)),
      ports.rounds.onRound(() => this.#tell(undefined)),
    ];
  }

  /** Throws "chain.*" when the sender's funds cannot be read. */
  async cover(sender: Address, signal?: AbortSignal): Promise<SenderCover> {
    const funds = await this.#ports.senders.funds(sender, signal);
    return senderCover(funds, this.#ports.rounds.poolSize, this.pending(sender));
  }

  async maxFloat(sender: Address, signal?: AbortSignal): Promise<bigint> {
    return (await this.cover(sender, signal)).maxFloat;
  }

  /** The face values of this sender's winners that are not settled, in wei. */
  pending(sender: Address): bigint {
    return this.#pending.get(sender) ?? 0n;
  }

  /** Counts a winner as pending until it is given back. */
  hold(sender: Address, faceValue: Wei): Lease {
    this.#add(sender, faceValue);
    return new Lease(() => this.#add(sender, -faceValue));
  }

  /** Told whose max float may have changed; `undefined` when it may be everybody's. Throws `RangeError` beyond 1000 listeners. */
  onChanged(listener: (sender: Address | undefined) => void): Disposable {
    if (this.#listeners.size >= MAX_LISTENERS) throw new RangeError("the sender monitor has all its listeners");
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    for (const watch of this.#watches) watch[Symbol.dispose]();
    this.#listeners.clear();
  }

  #add(sender: Address, amount: bigint): void {
    const pending = this.pending(sender) + amount;
    if (pending === 0n) this.#pending.delete(sender);
    else this.#pending.set(sender, pending);
    this.#tell(sender);
  }

  #tell(sender: Address | undefined): void {
    for (const listener of [...this.#listeners]) listener(sender);
  }
}
