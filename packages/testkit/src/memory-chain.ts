import { type Address, keccak256, rawVerify, ZERO_ADDRESS } from "@rivulet/crypto";
import {
  type Activity,
  type Broker,
  type GasPrice,
  type RedeemOptions,
  type Redemption,
  type RedemptionOutcome,
  type Rounds,
  type SenderFunds,
  type Senders,
  type TicketExpiration,
  type TicketHash,
  type TransactionHash,
  ticketHash,
  ticketHashText,
  type WinningTicket,
  wins,
} from "@rivulet/payments";
import { type L1BlockNumber, l1BlockNumber, RivuletError, type Round, round, type Wei, wei } from "@rivulet/primitives";

/** How a chain in memory behaves. */
export interface MemoryChainOptions {
  /** Blocks in a round. */
  readonly roundLength?: bigint;
  readonly validityRounds?: bigint;
  readonly unlockPeriod?: bigint;
  readonly gasPrice?: Wei;
  /** Of each transaction in the block that would include it: whether it gets lost instead. */
  readonly drops?: () => boolean;
}

/** A ticket that the contract has paid. */
export interface MemoryRedemption extends Redemption {
  readonly winner: WinningTicket;
  readonly sentBy: Address;
  readonly block: bigint;
}

interface SenderAccount {
  deposit: bigint;
  withdrawRound: bigint;
  reserve: bigint;
  /** By round, and by round and claimant. */
  readonly claimed: Map<bigint, bigint>;
  readonly claimedBy: Map<string, bigint>;
}

interface Transaction {
  readonly hash: TransactionHash;
  readonly from: Address;
  readonly winners: readonly WinningTicket[];
  readonly isBatch: boolean;
  readonly done: (outcomes: readonly RedemptionOutcome[]) => void;
  readonly failed: (error: unknown) => void;
}

const GAS_OF_TRANSACTION = 100_000n;
const GAS_OF_TICKET = 250_000n;

/**
 * The contracts of the network as a model in memory: broker, rounds and the pool of orchestrators, rule by rule and in the
 * order of the contract's checks. Source: payments 11.1, 11.2.
 *
 * Transactions wait for the next block, also when the one who sent them is gone. Nothing happens but by `mine`. All money
 * is in `funded`, `locked`, `earnedInTotal` and `withdrawn`.
 */
export class MemoryChain implements Rounds, Activity {
  /** Whether rounds are initialized in their first block. */
  isInitializing = true;
  /** Whether brokers answer. */
  isReachable = true;
  gasPrice: Wei;
  funded = 0n;
  withdrawn = 0n;
  readonly validityRounds: bigint;
  readonly redemptions = new Map<TicketHash, MemoryRedemption>();
  /** What each account paid for gas. */
  readonly gasPaid = new Map<Address, bigint>();
  readonly #options: MemoryChainOptions;
  readonly #roundLength: bigint;
  readonly #senders = new Map<Address, SenderAccount>();
  readonly #orchestrators = new Map<Address, { activation: bigint; deactivation: bigint; fees: bigint }>();
  readonly #blockHashes = new Map<bigint, Uint8Array>();
  readonly #blockListeners = new Set<(block: L1BlockNumber) => void>();
  readonly #roundListeners = new Set<(round: Round) => void>();
  readonly #senderListeners = new Set<(sender: Address | undefined) => void>();
  #pool: Transaction[] = [];
  #block: bigint;
  #lastInitialized = 0n;
  #transactions = 0n;

  constructor(options: MemoryChainOptions = {}) {
    this.#options = options;
    this.#roundLength = options.roundLength ?? 100n;
    this.validityRounds = options.validityRounds ?? 2n;
    this.gasPrice = options.gasPrice ?? wei(10n ** 7n);
    this.#block = 10n * this.#roundLength;
    this.initializeRound();
  }

  get l1Block(): L1BlockNumber {
    return l1BlockNumber(this.#block);
  }

  get currentRound(): Round {
    return round(this.#block / this.#roundLength);
  }

  get lastInitializedRound(): Round {
    return round(this.#lastInitialized);
  }

  get creation(): TicketExpiration {
    return { creationRound: this.#lastInitialized, creationRoundBlockHash: this.blockHash(this.#lastInitialized) };
  }

  get poolSize(): bigint {
    return BigInt([...this.#orchestrators.keys()].filter((address) => this.isActiveNow(address)).length);
  }

  get gas(): GasPrice {
    const chain = this;
    return {
      get current() {
        return chain.gasPrice;
      },
    };
  }

  onBlock(listener: (block: L1BlockNumber) => void): Disposable {
    return listening(this.#blockListeners, listener);
  }

  onRound(listener: (round: Round) => void): Disposable {
    return listening(this.#roundListeners, listener);
  }

  isActive(recipient: Address, round: Round): Promise<boolean> {
    const orchestrator = this.#orchestrators.get(recipient);
    return Promise.resolve(
      orchestrator !== undefined && orchestrator.activation <= round && round < orchestrator.deactivation,
    );
  }

  /** Of a round that was initialized; 32 zero bytes of others. */
  blockHash(round: bigint): Uint8Array {
    return this.#blockHashes.get(round) ?? new Uint8Array(32);
  }

  /** Adds blocks, including what waits in each, and telling everybody. */
  mine(blocks = 1n): void {
    for (let count = 0n; count < blocks; count += 1n) {
      this.#block += 1n;
      if (this.isInitializing && this.#lastInitialized < this.currentRound) this.initializeRound();
      this.#includeAll();
      for (const listener of [...this.#blockListeners]) listener(this.l1Block);
    }
  }

  /**
   * Adds blocks of which only the last is told: what those see who look at the chain from time to time. What waits is in the
   * first; rounds are initialized as they come.
   */
  jump(blocks: bigint): void {
    if (blocks <= 1n) {
      this.mine(blocks);
      return;
    }
    const end = this.#block + blocks - 1n;
    this.#block += 1n;
    if (this.isInitializing && this.#lastInitialized < this.currentRound) this.initializeRound();
    this.#includeAll();
    while (this.currentRound < end / this.#roundLength) {
      this.#block = (this.currentRound + 1n) * this.#roundLength;
      if (this.isInitializing) this.initializeRound();
    }
    this.#block = end;
    this.mine();
  }

  /** To the first block of the next round. */
  mineRound(): void {
    this.jump(this.#roundLength - (this.#block % this.#roundLength));
  }

  initializeRound(): void {
    if (this.#lastInitialized >= this.currentRound) throw new RivuletError("chain.round-initialized", {});
    this.#lastInitialized = this.currentRound;
    this.#blockHashes.set(this.#lastInitialized, keccak256(Buffer.from(`block ${this.#block - 1n}`)));
    for (const listener of [...this.#roundListeners]) listener(this.lastInitializedRound);
    this.#tell(undefined);
  }

  /** Active from the next round on, or at once. */
  activate(orchestrator: Address, fromRound: bigint = this.currentRound + 1n): void {
    const fees = this.#orchestrators.get(orchestrator)?.fees ?? 0n;
    this.#orchestrators.set(orchestrator, { activation: fromRound, deactivation: 2n ** 256n, fees });
  }

  /** Registered still, and no longer active from the next round on. */
  deactivate(orchestrator: Address): void {
    const known = this.#orchestrators.get(orchestrator);
    if (known !== undefined) known.deactivation = this.currentRound + 1n;
  }

  fund(
    sender: Address,
    { deposit = 0n, reserve = 0n }: { readonly deposit?: bigint; readonly reserve?: bigint },
  ): void {
    const account = this.#account(sender);
    this.funded += deposit + reserve;
    account.deposit += deposit;
    account.reserve += reserve;
    account.withdrawRound = 0n;
    this.#tell(sender);
  }

  unlock(sender: Address): void {
    const account = this.#account(sender);
    if (account.deposit === 0n && account.reserve === 0n) throw new RivuletError("chain.sender-unfunded", {});
    if (account.withdrawRound > 0n) throw new RivuletError("chain.unlock-initiated", {});
    account.withdrawRound = this.currentRound + (this.#options.unlockPeriod ?? 2n);
    this.#tell(sender);
  }

  cancelUnlock(sender: Address): void {
    const account = this.#account(sender);
    if (account.withdrawRound === 0n) throw new RivuletError("chain.unlock-missing", {});
    account.withdrawRound = 0n;
    this.#tell(sender);
  }

  withdraw(sender: Address): void {
    const account = this.#account(sender);
    if (account.deposit === 0n && account.reserve === 0n) throw new RivuletError("chain.sender-unfunded", {});
    if (account.withdrawRound === 0n) throw new RivuletError("chain.unlock-missing", {});
    if (this.currentRound < account.withdrawRound) throw new RivuletError("chain.funds-locked", {});
    this.withdrawn += account.deposit + account.reserve;
    account.deposit = 0n;
    account.reserve = 0n;
    this.#tell(sender);
  }

  /** What senders have in the contract. */
  get locked(): bigint {
    return [...this.#senders.values()].reduce((sum, { deposit, reserve }) => sum + deposit + reserve, 0n);
  }

  earned(orchestrator: Address): bigint {
    return this.#orchestrators.get(orchestrator)?.fees ?? 0n;
  }

  get earnedInTotal(): bigint {
    return [...this.#orchestrators.values()].reduce((sum, { fees }) => sum + fees, 0n);
  }

  fundsOf(sender: Address, claimant: Address = ZERO_ADDRESS): SenderFunds {
    const { deposit, withdrawRound, reserve, claimed, claimedBy } = this.#account(sender);
    const current = this.currentRound;
    return {
      deposit: wei(deposit),
      withdrawRound: round(withdrawRound),
      reserveRemaining: wei(reserve),
      reserveClaimedInCurrentRound: wei(claimed.get(current) ?? 0n),
      reserveClaimedByUs: wei(claimedBy.get(`${current} ${claimant}`) ?? 0n),
    };
  }

  /** Senders as this recipient sees them. */
  sendersFor(recipient: Address): Senders {
    return {
      funds: async (sender) => {
        this.#reach();
        return this.fundsOf(sender, recipient);
      },
      onChanged: (listener) => listening(this.#senderListeners, listener),
    };
  }

  /** The contract as called from this account. */
  brokerFor(account: Address): Broker {
    return {
      validityRounds: this.validityRounds,
      redemptionGas: (tickets) => GAS_OF_TRANSACTION + BigInt(tickets) * GAS_OF_TICKET,
      isUsed: async (ticket) => {
        this.#reach();
        return this.redemptions.has(ticket);
      },
      redemption: async (winner) => {
        this.#reach();
        const found = this.redemptions.get(ticketHashText(winner.ticket));
        return found === undefined
          ? undefined
          : { ...found, gasCost: found.sentBy === account ? found.gasCost : wei(0n) };
      },
      payout: async ({ ticket }) => {
        this.#reach();
        return wei(this.#payout(ticket.sender, ticket.recipient, ticket.faceValue));
      },
      redeem: async (winner, options) => {
        this.#reach();
        this.#check(winner);
        const [outcome] = await this.#submit(account, [winner], false, options);
        if (outcome === undefined || "error" in outcome) throw outcome?.error;
        return outcome;
      },
      redeemBatch: async (winners, options) => {
        this.#reach();
        if (this.currentRound !== this.#lastInitialized) throw new RivuletError("chain.round-not-initialized", {});
        return this.#submit(account, winners, true, options);
      },
    };
  }

  async #submit(
    from: Address,
    winners: readonly WinningTicket[],
    isBatch: boolean,
    { submitted, signal }: RedeemOptions = {},
  ): Promise<readonly RedemptionOutcome[]> {
    signal?.throwIfAborted();
    this.#transactions += 1n;
    const hash: TransactionHash = `0x${this.#transactions.toString(16).padStart(64, "0")}`;
    const included = new Promise<readonly RedemptionOutcome[]>((resolve, reject) => {
      this.#pool.push({ hash, from, winners, isBatch, done: resolve, failed: reject });
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    included.catch(() => {});
    await submitted?.(hash);
    return included;
  }

  #includeAll(): void {
    const waiting = this.#pool;
    this.#pool = [];
    for (const transaction of waiting) this.#include(transaction);
  }

  #include({ hash, from, winners, isBatch, done, failed }: Transaction): void {
    if (this.#options.drops?.() === true) {
      failed(new RivuletError("chain.transaction-timeout", { hash, reason: "it got lost" }));
      return;
    }
    const gas = GAS_OF_TRANSACTION + BigInt(winners.length) * GAS_OF_TICKET;
    const cost = gas * this.gasPrice;
    this.gasPaid.set(from, (this.gasPaid.get(from) ?? 0n) + cost);
    const gasCost = wei(cost / BigInt(winners.length));
    const outcomes = winners.map((winner): RedemptionOutcome => {
      try {
        this.#check(winner);
      } catch (error) {
        return { error, gasCost };
      }
      return this.#pay(winner, hash, from, gasCost);
    });
    const [first] = outcomes;
    if (!isBatch && first !== undefined && "error" in first) {
      const reason = first.error instanceof Error ? first.error.message : "";
      failed(
        new RivuletError("chain.transaction-failed", { hash, reason, gasCost: `${cost}` }, { cause: first.error }),
      );
    } else done(outcomes);
  }

  /** What the contract demands, in its order. */
  #check({ ticket, signature, recipientRand }: WinningTicket): void {
    const invalid = (reason: string) => new RivuletError("chain.ticket-invalid", { reason });
    const { creationRound, creationRoundBlockHash } = ticket.expiration;
    if (this.currentRound !== this.#lastInitialized) throw new RivuletError("chain.round-not-initialized", {});
    if (ticket.recipient === ZERO_ADDRESS) throw invalid("ticket recipient is null address");
    if (ticket.sender === ZERO_ADDRESS) throw invalid("ticket sender is null address");
    const roundHash = this.#blockHashes.get(creationRound);
    if (roundHash === undefined) throw invalid("ticket creationRound does not have a block hash");
    if (!same(roundHash, creationRoundBlockHash))
      throw invalid("ticket creationRoundBlockHash invalid for creationRound");
    if (creationRound + this.validityRounds <= this.currentRound) throw new RivuletError("chain.ticket-expired", {});
    if (!same(keccak256(word(recipientRand)), ticket.recipientRandHash))
      throw invalid("recipientRand does not match recipientRandHash");
    const hash = ticketHash(ticket);
    if (this.redemptions.has(ticketHashText(ticket))) throw new RivuletError("chain.ticket-used", {});
    if (!rawVerify(ticket.sender, hash, signature)) throw invalid("invalid signature over ticket hash");
    if (!wins(signature, recipientRand, ticket.winProbability)) throw invalid("ticket did not win");
    const { deposit, reserve, withdrawRound } = this.#account(ticket.sender);
    if (withdrawRound > 0n && this.currentRound >= withdrawRound) throw new RivuletError("chain.sender-unlocked", {});
    if (deposit === 0n && reserve === 0n) throw new RivuletError("chain.sender-unfunded", {});
    if (
      !this.#orchestrators.has(ticket.recipient) &&
      this.#payout(ticket.sender, ticket.recipient, ticket.faceValue) > 0n
    )
      throw new RivuletError("chain.recipient-unregistered", {});
  }

  #pay(winner: WinningTicket, transaction: TransactionHash, sentBy: Address, gasCost: Wei): Redemption {
    const { ticket } = winner;
    const account = this.#account(ticket.sender);
    const paid = this.#payout(ticket.sender, ticket.recipient, ticket.faceValue);
    const claim = paid > account.deposit ? paid - account.deposit : 0n;
    account.deposit -= paid - claim;
    account.reserve -= claim;
    const key = `${this.currentRound} ${ticket.recipient}`;
    account.claimed.set(this.currentRound, (account.claimed.get(this.currentRound) ?? 0n) + claim);
    account.claimedBy.set(key, (account.claimedBy.get(key) ?? 0n) + claim);
    const orchestrator = this.#orchestrators.get(ticket.recipient);
    if (orchestrator !== undefined) orchestrator.fees += paid;
    const redemption = { transaction, paid: wei(paid), gasCost };
    const hash = ticketHashText(ticket);
    this.redemptions.set(hash, { ...redemption, winner, sentBy, block: this.#block });
    this.#tell(ticket.sender);
    return redemption;
  }

  #payout(sender: Address, recipient: Address, faceValue: bigint): bigint {
    const { deposit } = this.#account(sender);
    if (faceValue <= deposit) return faceValue;
    const claimable = this.#claimable(sender, recipient);
    return deposit + (faceValue - deposit < claimable ? faceValue - deposit : claimable);
  }

  #claimable(sender: Address, recipient: Address): bigint {
    const pool = this.poolSize;
    if (!this.isActiveNow(recipient) || pool === 0n) return 0n;
    const { reserveRemaining, reserveClaimedInCurrentRound, reserveClaimedByUs } = this.fundsOf(sender, recipient);
    const claimable = (reserveRemaining + reserveClaimedInCurrentRound) / pool - reserveClaimedByUs;
    return claimable < 0n ? 0n : claimable;
  }

  /** In the current round. */
  isActiveNow(address: Address): boolean {
    const orchestrator = this.#orchestrators.get(address);
    const current = this.currentRound;
    return orchestrator !== undefined && orchestrator.activation <= current && current < orchestrator.deactivation;
  }

  #account(sender: Address): SenderAccount {
    const known = this.#senders.get(sender);
    if (known !== undefined) return known;
    const fresh = { deposit: 0n, withdrawRound: 0n, reserve: 0n, claimed: new Map(), claimedBy: new Map() };
    this.#senders.set(sender, fresh);
    return fresh;
  }

  #tell(sender: Address | undefined): void {
    for (const listener of [...this.#senderListeners]) listener(sender);
  }

  #reach(): void {
    if (!this.isReachable) throw new RivuletError("chain.unavailable", {});
  }
}

function listening<T>(listeners: Set<(value: T) => void>, listener: (value: T) => void): Disposable {
  listeners.add(listener);
  return { [Symbol.dispose]: () => void listeners.delete(listener) };
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function word(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex");
}
