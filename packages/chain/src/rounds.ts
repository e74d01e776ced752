import type { Rounds, TicketExpiration } from "@rivulet/payments";
import { type L1BlockNumber, l1BlockNumber, type Round, round } from "@rivulet/primitives";
import { max } from "./bigints.ts";
import type { ChainUpdate, Follower } from "./block-watcher.ts";
import type { Contracts } from "./contracts/controller.ts";
import { bytesFromHex, type Hex } from "./hex.ts";
import { Listeners } from "./listeners.ts";
import type { Head, LogFilter } from "./rpc/blocks.ts";
import type { Endpoints } from "./rpc/endpoints.ts";

interface RoundState {
  readonly lastInitialized: bigint;
  /** The round by block number when this was read, its first block, and how many it has. */
  readonly current: bigint;
  readonly startBlock: bigint;
  readonly length: bigint;
  readonly creation: TicketExpiration;
  readonly poolSize: bigint;
}

const NOTHING: RoundState = {
  lastInitialized: 0n,
  current: 0n,
  startBlock: 0n,
  length: 1n,
  creation: { creationRound: 0n, creationRoundBlockHash: new Uint8Array(32) },
  poolSize: 0n,
};
const ZERO_HASH: Hex = `0x${"0".repeat(64)}`;

/** The clock of the contracts, followed. */
export class FollowedRounds implements Rounds, Follower {
  readonly filter: LogFilter;
  readonly #contracts: Contracts;
  readonly #endpoints: Endpoints;
  readonly #blockListeners = new Listeners<[block: L1BlockNumber]>();
  readonly #roundListeners = new Listeners<[round: Round]>();
  #state = NOTHING;
  #isOutOfDate = true;
  #l1Block = 0n;
  #announcedBlock = 0n;
  #announcedRound: bigint | undefined;

  constructor(contracts: Contracts, endpoints: Endpoints) {
    const { rounds, bonding } = contracts;
    const atRounds = rounds.filter(["NewRound"]);
    // The pool grows and shrinks within a round, and with it everyone's part of a reserve.
    const atBonding = bonding.filter(["TranscoderActivated", "TranscoderDeactivated"]);
    this.filter = {
      addresses: [...atRounds.addresses, ...atBonding.addresses],
      topics: [...atRounds.topics, ...atBonding.topics],
    };
    this.#contracts = contracts;
    this.#endpoints = endpoints;
  }

  get l1Block(): L1BlockNumber {
    return l1BlockNumber(this.#l1Block);
  }

  get lastInitializedRound(): Round {
    return round(this.#state.lastInitialized);
  }

  get currentRound(): Round {
    const { current, startBlock, length } = this.#state;
    const since = this.#l1Block - startBlock;
    return round(since < 0n ? current : current + since / length);
  }

  get creation(): TicketExpiration {
    return this.#state.creation;
  }

  get poolSize(): bigint {
    return this.#state.poolSize;
  }

  /** The first L1 block of the next round, initialized or not. */
  get nextRoundBlock(): L1BlockNumber {
    const { current, startBlock, length } = this.#state;
    return l1BlockNumber(startBlock + (this.currentRound - current + 1n) * length);
  }

  onBlock(listener: (block: L1BlockNumber) => void): Disposable {
    return this.#blockListeners.add(listener);
  }

  onRound(listener: (round: Round) => void): Disposable {
    return this.#roundListeners.add(listener);
  }

  note({ head, logs, undone, isReset }: ChainUpdate): void {
    this.#l1Block = max(this.#l1Block, head.l1Block);
    this.#isOutOfDate ||= isReset || [...logs, ...undone].some(({ topics: [topic] }) => this.#concerns(topic));
  }

  async refresh(head: Head, signal: AbortSignal): Promise<void> {
    if (this.#isOutOfDate) {
      this.#isOutOfDate = false;
      try {
        this.#state = await this.#read(head.number, signal);
      } catch (error) {
        this.#isOutOfDate = true;
        throw error;
      }
    }
    if (this.#state.lastInitialized !== this.#announcedRound) {
      this.#announcedRound = this.#state.lastInitialized;
      this.#roundListeners.tell(this.lastInitializedRound);
    }
    if (this.#l1Block !== this.#announcedBlock) {
      this.#announcedBlock = this.#l1Block;
      this.#blockListeners.tell(this.l1Block);
    }
  }

  #concerns(topic: Hex | undefined): boolean {
    return topic !== undefined && this.filter.topics.includes(topic);
  }

  async #read(at: bigint, signal: AbortSignal): Promise<RoundState> {
    const { rounds, bonding } = this.#contracts;
    const [lastInitialized, current, startBlock, length, poolSize] = await this.#endpoints.batch(
      [
        rounds.read("lastInitializedRound", [], at),
        rounds.read("currentRound", [], at),
        rounds.read("currentRoundStartBlock", [], at),
        rounds.read("roundLength", [], at),
        bonding.read("getTranscoderPoolSize", [], at),
      ],
      signal,
    );
    const before = max(lastInitialized - 1n, 0n);
    const [hash, hashBefore] = await this.#endpoints.batch(
      [rounds.read("blockHashForRound", [lastInitialized], at), rounds.read("blockHashForRound", [before], at)],
      signal,
    );
    // Arbitrum may not know the hash of a parent's block. Tickets of such a round could never be redeemed, so they are
    // dated with the round before. Source: payments-and-chain 4.4.
    const creation = hash === ZERO_HASH ? expiration(before, hashBefore) : expiration(lastInitialized, hash);
    return { lastInitialized, current, startBlock, length, poolSize, creation };
  }
}

function expiration(creationRound: bigint, hash: Hex): TicketExpiration {
  return { creationRound, creationRoundBlockHash: bytesFromHex(hash) };
}
