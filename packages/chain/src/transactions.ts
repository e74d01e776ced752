import { type Address, address, keccak256 } from "@rivulet/crypto";
import type { TransactionHash } from "@rivulet/payments";
import {
  type Clock,
  isError,
  type Logger,
  type Milliseconds,
  minutes,
  RivuletError,
  seconds,
} from "@rivulet/primitives";
import { formatEther, numberToHex } from "viem";
import type { ContractWrite } from "./contracts/call.ts";
import { revertError } from "./contracts/revert-reasons.ts";
import { bytesFromHex, type Hex, hexFromBytes } from "./hex.ts";
import { MAX_IN_FLIGHT } from "./limits.ts";
import { type ChainLog, latestBlock, parseLog } from "./rpc/blocks.ts";
import { hash32, hexData, list, optional, quantity, type RpcCall, record, rpcCall } from "./rpc/call.ts";
import type { Endpoints } from "./rpc/endpoints.ts";
import type { Account, UnsignedTransaction } from "./signers/account.ts";

export interface TransactionsOptions {
  readonly chainId: number;
  /** Wei for a unit of gas that is never exceeded; without it there is no limit. */
  readonly maxGasPrice?: bigint | undefined;
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

/** A transaction that was included and did what it should. */
export interface Receipt {
  readonly transaction: TransactionHash;
  readonly block: bigint;
  readonly gasUsed: bigint;
  /** Wei that the gas cost. */
  readonly gasCost: bigint;
  readonly logs: readonly ChainLog[];
}

interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** One version of a transaction. */
interface Version {
  readonly unsigned: UnsignedTransaction;
  readonly raw: Hex;
  readonly hash: TransactionHash;
}

/** A transaction in a block, whatever it did. */
export interface IncludedTransaction extends Receipt {
  readonly from: Address;
  readonly isSuccess: boolean;
}

const TIMEOUT = minutes(5);
const MAX_REPLACEMENTS = 1;
/** A version that no endpoint seems to keep is sent again this often. */
const REBROADCAST = seconds(30);
/** Gas beyond the estimate, in percent: other transactions may come first, and Arbitrum's share for data moves. */
const GAS_MARGIN = 25n;
/** Nonces taken by somebody else in the moment between asking and sending. */
const MAX_NONCE_TRIES = 3;
/** A node must see the nonce used this often without a receipt of ours before it counts as taken by another. */
const TAKEN_TWICE = 2;

/**
 * Sends transactions of one account, several at a time, and waits for them.
 *
 * Nonces are given out one after the other, and only to transactions that passed every check. One that is not included in
 * time is replaced by itself at a price 11 % higher; one that endpoints forgot, or a reorganisation threw out, is sent again.
 */
export class Transactions {
  readonly #options: Required<Omit<TransactionsOptions, "maxGasPrice">> & { readonly maxGasPrice: bigint | undefined };
  readonly #ports: TransactionsPorts;
  readonly #inFlight = new Set<Promise<unknown>>();
  #sending: Promise<unknown> = Promise.resolve();
  #nextNonce = 0;

  constructor(options: TransactionsOptions, ports: TransactionsPorts) {
    const { timeout = TIMEOUT, maxReplacements = MAX_REPLACEMENTS, maxGasPrice, ...rest } = options;
    this.#options = { ...rest, timeout, maxReplacements, maxGasPrice };
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
   * Throws the contract's refusal, "chain.insufficient-funds", "chain.gas-price-too-high", "chain.cannot-sign",
   * "chain.transaction-timeout", "chain.transaction-failed", "chain.transaction-replaced", "chain.unavailable", and the
   * reason of the signal. After a timeout or an abort the transaction may still be included.
   */
  async send(write: ContractWrite, options: SendOptions = {}): Promise<Receipt> {
    const { signal } = options;
    const fees = await this.#fees(signal);
    await this.#checkBalance(write, 0n, signal);
    const gas = ((await this.estimate(write, signal)) * (100n + GAS_MARGIN)) / 100n;
    await this.#checkBalance(write, gas * fees.maxFeePerGas, signal);
    const settled = Promise.withResolvers<void>();
    try {
      const version = await this.#inTurn(() => this.#broadcastNew(write, gas, fees, signal), settled.promise);
      await options.submitted?.(version.hash);
      return await this.#wait(write, version, options);
    } finally {
      settled.resolve();
    }
  }

  /** Runs `send` when it is its turn and there is room, then counts `settled` as in flight. */
  async #inTurn<T>(send: () => Promise<T>, settled: Promise<void>): Promise<T> {
    const turn = this.#sending.then(async () => {
      while (this.#inFlight.size >= MAX_IN_FLIGHT) await Promise.race(this.#inFlight);
      const sent = await send();
      this.#inFlight.add(settled);
      void settled.then(() => this.#inFlight.delete(settled));
      return sent;
    });
    this.#sending = turn.catch(() => {});
    return await turn;
  }

  async #broadcastNew(
    write: ContractWrite,
    gas: bigint,
    fees: Fees,
    signal: AbortSignal | undefined,
  ): Promise<Version> {
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      const pending = await this.#transactionCount("pending", signal);
      // With nothing in flight the chain knows better: a nonce of ours that never arrived must be used again.
      const nonce = this.#inFlight.size === 0 ? pending : Math.max(this.#nextNonce, pending);
      const { chainId } = this.#options;
      const { to, data, value } = write;
      const version = await this.#sign({ chainId, nonce, to, data, value, gas, ...fees });
      try {
        await this.#broadcast(version, signal);
        this.#nextNonce = nonce + 1;
        return version;
      } catch (error) {
        if (await this.#isIncluded(version, signal)) {
          this.#nextNonce = nonce + 1;
          return version;
        }
        if (!isRefusedWith(error, NONCE_TOO_LOW) || attempt === MAX_NONCE_TRIES) {
          throw revertError(error, write.functionName);
        }
        this.#nextNonce = nonce + 1;
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

  async #isIncluded({ hash }: Version, signal: AbortSignal | undefined): Promise<boolean> {
    return (await this.#ports.endpoints.request(receiptOf(hash), signal)) !== undefined;
  }

  async #wait(write: ContractWrite, first: Version, { submitted, signal }: SendOptions): Promise<Receipt> {
    const { clock, endpoints, log } = this.#ports;
    const { timeout, maxReplacements, confirmations, pollInterval } = this.#options;
    const versions = [first];
    let current = first;
    let sentAt: number = clock.monotonic();
    let broadcastAt = sentAt;
    let timesTaken = 0;
    for (;;) {
      const [head, used] = await endpoints.batch([latestBlock(), this.#countCall("latest")], signal);
      const receipts = await endpoints.batch(
        versions.map(({ hash }) => receiptOf(hash)),
        signal,
      );
      const included = receipts.find((receipt) => receipt !== undefined);
      if (included !== undefined) {
        if (head.number - included.block + 1n >= BigInt(confirmations))
          return await this.#judge(write, included, signal);
      } else if (used > current.unsigned.nonce && ++timesTaken >= TAKEN_TWICE) {
        const { hash, unsigned } = current;
        throw new RivuletError("chain.transaction-replaced", { hash, nonce: unsigned.nonce });
      }
      const now = clock.monotonic();
      if (now - sentAt >= timeout && included === undefined) {
        const next = versions.length <= maxReplacements ? this.#dearer(current.unsigned) : undefined;
        if (next === undefined) {
          const waited = `after ${versions.length} × ${timeout / 1000} s`;
          throw new RivuletError("chain.transaction-timeout", { hash: current.hash, reason: waited });
        }
        const version = await this.#sign(next);
        const isSent = await this.#broadcastAgain(version, signal);
        if (isSent) {
          log.info("transaction replaced", { before: current.hash, after: version.hash });
          versions.push(version);
          current = version;
          await submitted?.(version.hash);
        }
        sentAt = broadcastAt = now;
      } else if (now - broadcastAt >= REBROADCAST && included === undefined) {
        await this.#broadcastAgain(current, signal);
        broadcastAt = now;
      }
      await clock.sleep(pollInterval, signal);
    }
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

  /** The same transaction at a price 11 % higher, the least that nodes accept; `undefined` beyond the maximum. */
  #dearer(transaction: UnsignedTransaction): UnsignedTransaction | undefined {
    const maxFeePerGas = raised(transaction.maxFeePerGas);
    const maxPriorityFeePerGas = raised(transaction.maxPriorityFeePerGas);
    const expected = (maxFeePerGas - maxPriorityFeePerGas) / 2n + maxPriorityFeePerGas;
    const { maxGasPrice } = this.#options;
    if (maxGasPrice !== undefined && expected > maxGasPrice) return undefined;
    return { ...transaction, maxFeePerGas, maxPriorityFeePerGas };
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

  async #fees(signal: AbortSignal | undefined): Promise<Fees> {
    const { maxGasPrice } = this.#options;
    const [{ baseFee }, gasPrice] = await this.#ports.endpoints.batch(
      [latestBlock(), rpcCall("eth_gasPrice", [], quantity)],
      signal,
    );
    const tip = (await this.#suggestedTip(signal)) ?? (gasPrice > baseFee ? gasPrice - baseFee : 0n);
    const current = baseFee + tip;
    if (maxGasPrice !== undefined && current > maxGasPrice) {
      const reason = `${current} wei now, at most ${maxGasPrice} wei`;
      throw new RivuletError("chain.gas-price-too-high", { current: `${current}`, maximum: `${maxGasPrice}`, reason });
    }
    const generous = 2n * baseFee + tip;
    const maxFeePerGas = maxGasPrice !== undefined && maxGasPrice < generous ? maxGasPrice : generous;
    return { maxFeePerGas, maxPriorityFeePerGas: tip };
  }

  /** `undefined` where the endpoint does not know the question. */
  async #suggestedTip(signal: AbortSignal | undefined): Promise<bigint | undefined> {
    try {
      return await this.#ports.endpoints.request(rpcCall("eth_maxPriorityFeePerGas", [], quantity), signal);
    } catch (error) {
      if (isError(error, "chain.refused")) return undefined;
      throw error;
    }
  }

  async #checkBalance(write: ContractWrite, gasCost: bigint, signal: AbortSignal | undefined): Promise<void> {
    const call = rpcCall("eth_getBalance", [this.address, "latest"], quantity);
    const available = await this.#ports.endpoints.request(call, signal);
    const needed = write.value + gasCost;
    if (available < needed) throw insufficientFunds({ account: this.address, token: "ETH", needed, available });
  }

  async #transactionCount(block: "latest" | "pending", signal: AbortSignal | undefined): Promise<number> {
    return await this.#ports.endpoints.request(this.#countCall(block), signal);
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
const NONCE_TOO_LOW = /nonce.*(too low|already)|expected nonce/i;

function isRefusedWith(error: unknown, words: RegExp): boolean {
  return isError(error, "chain.refused") && words.test(error.facts.reason);
}

function raised(fee: bigint): bigint {
  return (fee * 111n + 99n) / 100n;
}

/** A transaction's receipt; `undefined` while it is in no block. */
export function receiptOf(hash: Hex): RpcCall<IncludedTransaction | undefined> {
  return rpcCall("eth_getTransactionReceipt", [hash], optional(parseReceipt));
}

function parseReceipt(value: unknown): IncludedTransaction {
  const receipt = record(value);
  const gasUsed = quantity(receipt["gasUsed"]);
  return {
    transaction: hash32(receipt["transactionHash"]),
    from: address(hexData(receipt["from"])),
    block: quantity(receipt["blockNumber"]),
    gasUsed,
    gasCost: gasUsed * quantity(receipt["effectiveGasPrice"]),
    isSuccess: quantity(receipt["status"]) === 1n,
    logs: list(parseLog)(receipt["logs"]),
  };
}
