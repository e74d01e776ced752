import { type Address, keccak256 } from "@rivulet/crypto";
import type { TransactionHash } from "@rivulet/payments";
import {
  type Clock,
  invariant,
  isError,
  type Logger,
  type Milliseconds,
  minutes,
  orAborted,
  RivuletError,
  seconds,
} from "@rivulet/primitives";
import { formatEther, numberToHex } from "viem";
import type { ContractWrite } from "./contracts/call.ts";
import { revertError } from "./contracts/revert-reasons.ts";
import { dearerFees, type Fees, suggestFees } from "./fees.ts";
import { bytesFromHex, type Hex, hexFromBytes } from "./hex.ts";
import { MAX_IN_FLIGHT } from "./limits.ts";
import { type IncludedTransaction, type Receipt, receiptOf } from "./receipts.ts";
import { latestBlock } from "./rpc/blocks.ts";
import { hash32, hexData, quantity, type RpcCall, rpcCall } from "./rpc/call.ts";
import type { Endpoints } from "./rpc/endpoints.ts";
import type { Account, UnsignedTransaction } from "./signers/account.ts";

export interface TransactionsOptions {
  readonly chainId: number;
  /** Wei for a unit of gas that is never exceeded; without it there is no limit. */
  readonly maxGasPrice?: bigint | undefined;
  /** Gas that every transaction gets, whatever it is estimated to take; without it the estimate and a margin. */
  readonly gasLimit?: bigint | undefined;
  /** How long one version of a transaction is waited for. */
  readonly timeout?: Milliseconds;
  /** How often it is then sent again at a higher price. */
  readonly maxReplacements?: number;
  /** How many blocks it takes, its own counted, until a transaction is believed. */
  readonly confirmations: number;
  /** How often its receipt is asked for. */
  readonly pollInterval: Milliseconds;
}

export interface TransactionsPorts {
  readonly account: Account;
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface SendOptions {
  /** Told the hash before the wait begins, and again when the transaction is replaced; awaited. */
  readonly submitted?: (transaction: TransactionHash) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** One version of a transaction. */
interface Version {
  readonly unsigned: UnsignedTransaction;
  readonly raw: Hex;
  readonly hash: TransactionHash;
}

/** A transaction under way. */
interface Pending {
  readonly versions: Version[];
  /** When its newest version was sent first, and last. */
  sentAt: number;
  broadcastAt: number;
  /** How often its nonce was seen used without a receipt of ours. */
  timesTaken: number;
}

const TIMEOUT = minutes(5);
const MAX_REPLACEMENTS = 1;
/** A version that no endpoint seems to keep is sent again this often. */
const REBROADCAST = seconds(30);
/** Gas beyond the estimate, in percent: other transactions may come first, and Arbitrum's share for data moves. */
const GAS_MARGIN = 25n;
/** Nonces taken by somebody else in the moment between asking and sending. */
const MAX_NONCE_TRIES = 3;
const NEVER = new AbortController().signal;
/** A node must see the nonce used this often without a receipt of ours before it counts as taken by another. */
const TAKEN_TWICE = 2;

/**
 * Sends transactions of one account, several at a time, and waits for them.
 *
 * Nonces are given out one after the other, and only to transactions that passed every check. One that is not included in
 * time is replaced by itself at a price 11 % higher; one that endpoints forgot, or a reorganisation threw out, is sent again.
 */
export class Transactions {
  readonly #options: Required<Omit<TransactionsOptions, "maxGasPrice" | "gasLimit">> &
    Pick<TransactionsOptions, "maxGasPrice" | "gasLimit">;
  readonly #ports: TransactionsPorts;
  readonly #inFlight = new Set<Promise<unknown>>();
  #sending: Promise<unknown> = Promise.resolve();
  #nextNonce = 0;

  constructor(options: TransactionsOptions, ports: TransactionsPorts) {
    const { timeout = TIMEOUT, maxReplacements = MAX_REPLACEMENTS, ...rest } = options;
    this.#options = { ...rest, timeout, maxReplacements };
    this.#ports = ports;
  }

  get address(): Address {
    return this.#ports.account.address;
  }

  /** Gas that the call takes now. Throws what the contract would refuse it with. */
  async estimate(write: ContractWrite, signal?: AbortSignal): Promise<bigint> {
    try {
      return await this.#ports.endpoints.request(rpcCall("eth_estimateGas", [this.#callOf(write)], quantity), signal);
    } catch (error) {
      throw revertError(error, write.functionName);
    }
  }

  /**
   * Resolves when the transaction has been included and has its confirmations.
   *
   * Throws the contract's refusal, "chain.insufficient-funds", "chain.gas-price-too-high", "chain.gas-limit-too-low", "chain.cannot-sign",
   * "chain.transaction-timeout", "chain.transaction-failed", "chain.transaction-replaced", "chain.unavailable", and the
   * reason of the signal. After a timeout or an abort the transaction may still be included.
   */
  async send(write: ContractWrite, options: SendOptions = {}): Promise<Receipt> {
    const { signal } = options;
    const fees = await suggestFees(this.#ports.endpoints, this.#options.maxGasPrice, signal);
    await this.#checkBalance(write, 0n, signal);
    const gas = await this.#gasFor(write, signal);
    await this.#checkBalance(write, gas * fees.maxFeePerGas, signal);
    const settled = Promise.withResolvers<void>();
    try {
      const broadcast = () => this.#broadcastNew(write, gas, fees, signal);
      const version = await this.#inTurn(broadcast, settled.promise, signal);
      await options.submitted?.(version.hash);
      return await this.#wait(write, version, options);
    } finally {
      settled.resolve();
    }
  }

  /** Asked for also where the limit is set: a contract that refuses says so before anything is paid. */
  async #gasFor(write: ContractWrite, signal: AbortSignal | undefined): Promise<bigint> {
    const needed = await this.estimate(write, signal);
    const { gasLimit } = this.#options;
    if (gasLimit === undefined) return (needed * (100n + GAS_MARGIN)) / 100n;
    if (gasLimit >= needed) return gasLimit;
    const reason = `${write.functionName} takes ${needed} gas, and the configured limit is ${gasLimit}`;
    throw new RivuletError("chain.gas-limit-too-low", { reason });
  }

  /**
   * Runs `send` when it is its turn and there is room, then counts `settled` as in flight. Whoever waits no longer leaves the
   * line, and those behind it move up.
   */
  async #inTurn<T>(send: () => Promise<T>, settled: Promise<void>, signal: AbortSignal = NEVER): Promise<T> {
    const before = this.#sending;
    const turn = (async () => {
      await orAborted(before, signal);
      while (this.#inFlight.size >= MAX_IN_FLIGHT) await orAborted(Promise.race(this.#inFlight), signal);
      const sent = await send();
      this.#inFlight.add(settled);
      void settled.then(() => this.#inFlight.delete(settled));
      return sent;
    })();
    this.#sending = Promise.allSettled([before, turn]);
    return await turn;
  }

  async #broadcastNew(
    write: ContractWrite,
    gas: bigint,
    fees: Fees,
    signal: AbortSignal | undefined,
  ): Promise<Version> {
    let least = 0;
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      const pending = await this.#ports.endpoints.request(this.#countCall("pending"), signal);
      // With nothing in flight the chain knows better: a nonce of ours that never arrived must be used again.
      const nonce = Math.max(this.#inFlight.size === 0 ? 0 : this.#nextNonce, pending, least);
      const { chainId } = this.#options;
      const { to, data, value } = write;
      const version = await this.#sign({ chainId, nonce, to, data, value, gas, ...fees });
      try {
        await this.#broadcast(version, signal);
        this.#nextNonce = nonce + 1;
        return version;
      } catch (error) {
        if (!isError(error, "chain.refused")) throw error;
        // Chains that make a block at once tell a failure when they take the transaction.
        const isIncluded = (await this.#ports.endpoints.request(receiptOf(version.hash), signal)) !== undefined;
        if (isIncluded) {
          this.#nextNonce = nonce + 1;
          return version;
        }
        if (isRefusedWith(error, TOO_POOR)) await this.#checkBalance(write, gas * fees.maxFeePerGas, signal);
        if (!isRefusedWith(error, NONCE_TAKEN) || attempt === MAX_NONCE_TRIES) {
          throw revertError(error, write.functionName);
        }
        least = nonce + 1;
      }
    }
  }

  async #sign(unsigned: UnsignedTransaction): Promise<Version> {
    const raw = await this.#ports.account.signTransaction(unsigned);
    return { unsigned, raw, hash: hexFromBytes(keccak256(bytesFromHex(raw))) };
  }

  async #broadcast({ raw }: Version, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#ports.endpoints.request(rpcCall("eth_sendRawTransaction", [raw], hash32), signal);
    } catch (error) {
      // A second endpoint may have it from the first, which did not answer in time.
      if (!isRefusedWith(error, ALREADY_KNOWN)) throw error;
    }
  }

  /** Waits through times without answers, too: the transaction is out, and its time goes on. */
  async #wait(write: ContractWrite, first: Version, { submitted, signal }: SendOptions): Promise<Receipt> {
    const { clock } = this.#ports;
    const { timeout, maxReplacements, pollInterval } = this.#options;
    const now = clock.monotonic();
    const pending: Pending = { versions: [first], sentAt: now, broadcastAt: now, timesTaken: 0 };
    const patience = now + timeout * (maxReplacements + 1);
    for (;;) {
      try {
        const seen = await this.#look(pending, signal);
        if (seen?.isConfirmed) return await this.#judge(write, seen.included, signal);
        if (seen === undefined) await this.#nudge(pending, submitted, signal);
      } catch (error) {
        if (!isError(error, "chain.unavailable") || clock.monotonic() >= patience) throw error;
      }
      await clock.sleep(pollInterval, signal);
    }
  }

  /** Whether a version is in a block. Throws "chain.transaction-replaced" when the nonce went to something else. */
  async #look(
    pending: Pending,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly included: IncludedTransaction; readonly isConfirmed: boolean } | undefined> {
    const { endpoints } = this.#ports;
    const [head, used] = await endpoints.batch([latestBlock(), this.#countCall("latest")], signal);
    const receipts = await endpoints.batch(
      pending.versions.map(({ hash }) => receiptOf(hash)),
      signal,
    );
    const included = receipts.find((receipt) => receipt !== undefined);
    if (included !== undefined) {
      const isConfirmed = head.number - included.block + 1n >= BigInt(this.#options.confirmations);
      return { included, isConfirmed };
    }
    const { hash, unsigned } = newest(pending);
    if (used > unsigned.nonce && ++pending.timesTaken >= TAKEN_TWICE) {
      throw new RivuletError("chain.transaction-replaced", { hash, nonce: unsigned.nonce });
    }
    return undefined;
  }

  /** Sends again what is not in a block: from time to time as it is, and when its time is over at a higher price. */
  async #nudge(pending: Pending, submitted: SendOptions["submitted"], signal: AbortSignal | undefined): Promise<void> {
    const { clock, log } = this.#ports;
    const { timeout, maxReplacements } = this.#options;
    const now = clock.monotonic();
    const current = newest(pending);
    if (now - pending.sentAt < timeout) {
      if (now - pending.broadcastAt < REBROADCAST) return;
      await this.#broadcastAgain(current, signal);
      pending.broadcastAt = now;
      return;
    }
    const next = pending.versions.length <= maxReplacements ? await this.#dearer(current.unsigned, signal) : undefined;
    if (next === undefined) {
      const reason = `after ${pending.versions.length} × ${timeout / 1000} s`;
      throw new RivuletError("chain.transaction-timeout", { hash: current.hash, reason });
    }
    const version = await this.#sign(next);
    if (await this.#broadcastAgain(version, signal)) {
      log.info("transaction replaced", { before: current.hash, after: version.hash });
      pending.versions.push(version);
      await submitted?.(version.hash);
    }
    pending.sentAt = pending.broadcastAt = now;
  }

  /** Sends what may be known already. False when it is refused: then the next look at the receipts says why. */
  async #broadcastAgain(version: Version, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      await this.#broadcast(version, signal);
      return true;
    } catch (error) {
      if (!isError(error, "chain.refused")) throw error;
      return false;
    }
  }

  /** The same transaction at a higher price; `undefined` when that would be beyond the maximum. */
  async #dearer(
    transaction: UnsignedTransaction,
    signal: AbortSignal | undefined,
  ): Promise<UnsignedTransaction | undefined> {
    const { maxGasPrice } = this.#options;
    try {
      const now = await suggestFees(this.#ports.endpoints, maxGasPrice, signal);
      const fees = dearerFees(transaction, now, maxGasPrice);
      return fees === undefined ? undefined : { ...transaction, ...fees };
    } catch (error) {
      if (isError(error, "chain.gas-price-too-high")) return undefined;
      throw error;
    }
  }

  async #judge(
    write: ContractWrite,
    { isSuccess, ...receipt }: IncludedTransaction,
    signal: AbortSignal | undefined,
  ): Promise<Receipt> {
    if (isSuccess) return receipt;
    const cause = await this.#replay(write, receipt.block, signal);
    const reason = cause instanceof Error ? cause.message : "it succeeds now; it may have run out of gas";
    const { transaction: hash, gasCost } = receipt;
    throw new RivuletError("chain.transaction-failed", { hash, reason, gasCost: `${gasCost}` }, { cause });
  }

  /** Why a call fails on the state after `block`; `undefined` when it does not. */
  async #replay(write: ContractWrite, block: bigint, signal: AbortSignal | undefined): Promise<unknown> {
    try {
      const params = [this.#callOf(write), numberToHex(block)];
      await this.#ports.endpoints.request(rpcCall("eth_call", params, hexData), signal);
      return undefined;
    } catch (error) {
      signal?.throwIfAborted();
      return revertError(error, write.functionName);
    }
  }

  async #checkBalance(write: ContractWrite, gasCost: bigint, signal: AbortSignal | undefined): Promise<void> {
    const call = rpcCall("eth_getBalance", [this.address, "latest"], quantity);
    const available = await this.#ports.endpoints.request(call, signal);
    const needed = write.value + gasCost;
    if (available < needed) throw insufficientFunds({ account: this.address, token: "ETH", needed, available });
  }

  #countCall(block: "latest" | "pending"): RpcCall<number> {
    return rpcCall("eth_getTransactionCount", [this.address, block], (result) => Number(quantity(result)));
  }

  #callOf({ to, data, value }: ContractWrite): Readonly<Record<string, string>> {
    return { from: this.address, to, data, value: numberToHex(value) };
  }
}

/** The error for an account that has too little of a token with 18 decimals. */
export function insufficientFunds(lack: {
  readonly account: Address;
  readonly token: string;
  readonly needed: bigint;
  readonly available: bigint;
}): RivuletError<"chain.insufficient-funds"> {
  const { account, token, needed, available } = lack;
  const reason = `${account} needs ${formatEther(needed)} ${token} and has ${formatEther(available)} ${token}`;
  return new RivuletError("chain.insufficient-funds", {
    account,
    token,
    needed: `${needed}`,
    available: `${available}`,
    reason,
  });
}

const ALREADY_KNOWN = /already known|known transaction|already imported|already exists/i;
const NONCE_TAKEN = /nonce.*(too low|already)|expected nonce|replacement transaction underpriced/i;
const TOO_POOR = /insufficient funds|exceeds.* balance/i;

function newest({ versions }: Pending): Version {
  const version = versions.at(-1);
  invariant(version !== undefined, "transactions: one under way has a version");
  return version;
}

function isRefusedWith(error: unknown, words: RegExp): boolean {
  return isError(error, "chain.refused") && words.test(error.facts.reason);
}
