import {
  type Chain,
  type ContractWrite,
  insufficientFunds,
  type PoolPosition,
  type Receipt,
  type RpcCall,
  readPoolPosition,
} from "@rivulet/chain";
import type { Address } from "@rivulet/crypto";
import { RivuletError } from "@rivulet/primitives";

/** What an account has, in wei and in units of 1e-18 LPT. */
export interface Balance {
  readonly account: Address;
  readonly eth: bigint;
  readonly lpt: bigint;
}

/** What a payer has locked in the contract. */
export interface LockedFunds {
  readonly account: Address;
  readonly deposit: bigint;
  readonly reserve: bigint;
  /** From this round on it may be withdrawn; 0 while nobody asked. */
  readonly withdrawRound: bigint;
  /** In rounds. */
  readonly unlockPeriod: bigint;
  readonly currentRound: bigint;
}

/** An orchestrator as the contracts see it. */
export interface StakeState {
  readonly account: Address;
  readonly isRegistered: boolean;
  readonly isActive: boolean;
  readonly serviceUri: string;
  /** All of it, in units of 1e-18 LPT. */
  readonly stake: bigint;
  /** Of it, the account's own. */
  readonly bonded: bigint;
  /** Wei that can be withdrawn. */
  readonly fees: bigint;
  readonly activationRound: bigint;
  /** From this round on it is not active: another's stake is larger, or its own was taken out. */
  readonly deactivationRound: bigint;
  /** The last that was begun. */
  readonly round: bigint;
  readonly lastRewardRound: bigint;
  /** Parts of a million. */
  readonly rewardCut: bigint;
  readonly feeShare: bigint;
  readonly locks: readonly UnbondingLock[];
}

export interface UnbondingLock {
  readonly id: bigint;
  readonly amount: bigint;
  readonly withdrawRound: bigint;
}

export interface RoundState {
  /** By block number. */
  readonly current: bigint;
  readonly lastInitialized: bigint;
  readonly isLocked: boolean;
  readonly startBlock: bigint;
  readonly length: bigint;
  readonly l1Block: bigint;
}

/** How an orchestrator wants to be listed. */
export interface Registration {
  readonly serviceUri: string;
  /** Parts of a million. */
  readonly rewardCut: bigint;
  readonly feeShare: bigint;
  /** Stake to add, in units of 1e-18 LPT. */
  readonly stake: bigint;
}

/** One transaction of several, with what it was for. */
export interface Step {
  readonly what: string;
  readonly receipt: Receipt;
}

function balanceOf(account: Address): RpcCall<bigint> {
  const parse = (result: unknown) => {
    if (typeof result === "string" && /^0x[0-9a-f]{1,64}$/i.test(result)) return BigInt(result);
    throw new TypeError("not a quantity");
  };
  return { method: "eth_getBalance", params: [account, "latest"], parse };
}

const NOBODY = "0x0000000000000000000000000000000000000000" as const;
/** Of one account, more than anybody's patience unbonds. */
const MAX_LOCKS = 100n;

/** What can be read about an account. */
export class ChainReader {
  readonly #chain: Pick<Chain, "endpoints" | "contracts">;

  constructor(chain: Pick<Chain, "endpoints" | "contracts">) {
    this.#chain = chain;
  }

  async balance(account: Address, signal?: AbortSignal): Promise<Balance> {
    const { endpoints, contracts } = this.#chain;
    const [eth, lpt] = await endpoints.batch(
      [balanceOf(account), contracts.token.read("balanceOf", [account])],
      signal,
    );
    return { account, eth, lpt };
  }

  async locked(account: Address, signal?: AbortSignal): Promise<LockedFunds> {
    const { endpoints, contracts } = this.#chain;
    const [info, unlockPeriod, currentRound] = await endpoints.batch(
      [
        contracts.ticketBroker.read("getSenderInfo", [account]),
        contracts.ticketBroker.read("unlockPeriod", []),
        contracts.rounds.read("currentRound", []),
      ],
      signal,
    );
    const [{ deposit, withdrawRound }, { fundsRemaining }] = info;
    return { account, deposit, reserve: fundsRemaining, withdrawRound, unlockPeriod, currentRound };
  }

  async stake(account: Address, signal?: AbortSignal): Promise<StakeState> {
    const { endpoints, contracts } = this.#chain;
    const { bonding, rounds } = contracts;
    const registry = contracts.aiServiceRegistry ?? contracts.serviceRegistry;
    const [isRegistered, isActive, serviceUri, stake, delegator, transcoder, lastInitialized] = await endpoints.batch(
      [
        bonding.read("isRegisteredTranscoder", [account]),
        bonding.read("isActiveTranscoder", [account]),
        registry.read("getServiceURI", [account]),
        bonding.read("transcoderTotalStake", [account]),
        bonding.read("getDelegator", [account]),
        bonding.read("getTranscoder", [account]),
        rounds.read("lastInitializedRound", []),
      ],
      signal,
    );
    const [bonded, fees, , , , , nextLock] = delegator;
    const ids = Array.from({ length: Number(nextLock < MAX_LOCKS ? nextLock : MAX_LOCKS) }, (_, id) => BigInt(id));
    const locks = await endpoints.batch(
      ids.map((id) => bonding.read("getDelegatorUnbondingLock", [account, id])),
      signal,
    );
    const [pending] = await endpoints.settle([bonding.read("pendingFees", [account, lastInitialized])], signal);
    return {
      account,
      isRegistered,
      isActive,
      serviceUri,
      stake,
      bonded,
      fees: pending !== undefined && "value" in pending ? pending.value : fees,
      activationRound: transcoder[4],
      deactivationRound: transcoder[5],
      round: lastInitialized,
      lastRewardRound: transcoder[0],
      rewardCut: transcoder[1],
      feeShare: transcoder[2],
      locks: locks.flatMap(([amount, withdrawRound], index) =>
        amount === 0n ? [] : [{ id: ids[index] ?? 0n, amount, withdrawRound }],
      ),
    };
  }

  async round(signal?: AbortSignal): Promise<RoundState> {
    const { endpoints, contracts } = this.#chain;
    const { rounds } = contracts;
    const [current, lastInitialized, isLocked, startBlock, length, l1Block] = await endpoints.batch(
      [
        rounds.read("currentRound", []),
        rounds.read("lastInitializedRound", []),
        rounds.read("currentRoundLocked", []),
        rounds.read("currentRoundStartBlock", []),
        rounds.read("roundLength", []),
        rounds.read("blockNum", []),
      ],
      signal,
    );
    return { current, lastInitialized, isLocked, startBlock, length, l1Block };
  }
}

/**
 * An account with its key, and what it can do with the contracts. Every act is one or more transactions, resolved when they
 * are included; what is lacking, and of which token, is told by "chain.insufficient-funds" before anything is sent.
 */
export class ChainAccount extends ChainReader {
  readonly #chain: Chain;

  constructor(chain: Chain) {
    super(chain);
    this.#chain = chain;
  }

  get address(): Address {
    return this.#chain.transactions.address;
  }

  /** Adds wei to the deposit, the reserve, or both. */
  fund(deposit: bigint, reserve: bigint, signal?: AbortSignal): Promise<Receipt> {
    const { ticketBroker } = this.#chain.contracts;
    if (reserve === 0n) return this.#send(ticketBroker.write("fundDeposit", [], deposit), signal);
    if (deposit === 0n) return this.#send(ticketBroker.write("fundReserve", [], reserve), signal);
    return this.#send(ticketBroker.write("fundDepositAndReserve", [deposit, reserve], deposit + reserve), signal);
  }

  /** Begins to unlock deposit and reserve: orchestrators take no more tickets of the account. */
  unlock(signal?: AbortSignal): Promise<Receipt> {
    return this.#send(this.#chain.contracts.ticketBroker.write("unlock", []), signal);
  }

  cancelUnlock(signal?: AbortSignal): Promise<Receipt> {
    return this.#send(this.#chain.contracts.ticketBroker.write("cancelUnlock", []), signal);
  }

  /** Takes deposit and reserve back. */
  withdraw(signal?: AbortSignal): Promise<Receipt> {
    return this.#send(this.#chain.contracts.ticketBroker.write("withdraw", []), signal);
  }

  /** Stakes on itself. Approves the contract first when it may not take so much yet. */
  async addStake(amount: bigint, signal?: AbortSignal): Promise<readonly Step[]> {
    const { endpoints, contracts } = this.#chain;
    const { token, bonding } = contracts;
    const [available, allowance] = await endpoints.batch(
      [token.read("balanceOf", [this.address]), token.read("allowance", [this.address, bonding.address])],
      signal,
    );
    if (available < amount) throw insufficientFunds({ account: this.address, token: "LPT", needed: amount, available });
    const steps: Step[] = [];
    if (allowance < amount)
      steps.push(await this.#step("approve the stake", token.write("approve", [bonding.address, amount]), signal));
    const { previous, next } = await this.#position(amount, signal);
    // Stake that was delegated to somebody else moves along; whose place that changes the contract finds out.
    const bond = bonding.write("bondWithHint", [amount, this.address, NOBODY, NOBODY, previous, next]);
    steps.push(await this.#step("stake", bond, signal));
    return steps;
  }

  /** Begins to take stake out. */
  async removeStake(amount: bigint, signal?: AbortSignal): Promise<Receipt> {
    const { bonding } = this.#chain.contracts;
    const { previous, next } = await this.#position(-amount, signal);
    return await this.#send(bonding.write("unbondWithHint", [amount, previous, next]), signal);
  }

  /** Takes out what a lock held until its round. */
  withdrawStake(lock: bigint, signal?: AbortSignal): Promise<Receipt> {
    return this.#send(this.#chain.contracts.bonding.write("withdrawStake", [lock]), signal);
  }

  /** Moves fees that were earned to the account. */
  withdrawFees(amount: bigint, signal?: AbortSignal): Promise<Receipt> {
    return this.#send(this.#chain.contracts.bonding.write("withdrawFees", [this.address, amount]), signal);
  }

  /** Becomes an orchestrator, or changes how one is listed. Does only what is not so yet. */
  async register(wanted: Registration, signal?: AbortSignal): Promise<readonly Step[]> {
    const { contracts } = this.#chain;
    const registry = contracts.aiServiceRegistry ?? contracts.serviceRegistry;
    const now = await this.stake(this.address, signal);
    if (now.bonded === 0n && wanted.stake === 0n) {
      const message = "an orchestrator has stake of its own: say how much to add, such as 100LPT";
      throw new RivuletError("config.invalid", { problems: [{ path: "-stake", message }] });
    }
    const steps: Step[] = wanted.stake === 0n ? [] : [...(await this.addStake(wanted.stake, signal))];
    const isListed = now.isRegistered && now.rewardCut === wanted.rewardCut && now.feeShare === wanted.feeShare;
    if (!isListed) {
      // Who is active may change its terms only after it has called for its reward.
      if (now.isActive && now.lastRewardRound < now.round)
        steps.push({ what: "mint the reward", receipt: await this.reward(signal) });
      const listing = contracts.bonding.write("transcoder", [wanted.rewardCut, wanted.feeShare]);
      steps.push(await this.#step("set the cuts", listing, signal));
    }
    if (now.serviceUri !== wanted.serviceUri) {
      const write = registry.write("setServiceURI", [wanted.serviceUri]);
      steps.push(await this.#step("set the service address", write, signal));
    }
    return steps;
  }

  /** Begins the current round when nobody has. */
  initializeRound(signal?: AbortSignal): Promise<Receipt> {
    return this.#send(this.#chain.contracts.rounds.write("initializeRound", []), signal);
  }

  /** Mints this round's reward for the orchestrator and its delegators. */
  async reward(signal?: AbortSignal): Promise<Receipt> {
    const { previous, next } = await this.#position(0n, signal);
    return await this.#send(this.#chain.contracts.bonding.write("rewardWithHint", [previous, next]), signal);
  }

  /** Where the account will stand in the pool after a change of its stake: told to the contract, it saves gas. */
  #position(change: bigint, signal: AbortSignal | undefined): Promise<PoolPosition> {
    const { contracts, endpoints } = this.#chain;
    return readPoolPosition(contracts.bonding, endpoints, this.address, change, signal);
  }

  async #step(what: string, write: ContractWrite, signal: AbortSignal | undefined): Promise<Step> {
    return { what, receipt: await this.#send(write, signal) };
  }

  #send(write: ContractWrite, signal: AbortSignal | undefined): Promise<Receipt> {
    return this.#chain.transactions.send(write, { signal });
  }
}
