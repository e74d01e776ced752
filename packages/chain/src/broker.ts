import { address } from "@rivulet/crypto";
import {
  auxData,
  type Broker,
  type RedeemOptions,
  type Redemption,
  type RedemptionOutcome,
  type Ticket,
  type TicketHash,
  type TransactionHash,
  type WinningTicket,
} from "@rivulet/payments";
import { RivuletError, type Wei, wei } from "@rivulet/primitives";
import { max } from "./bigints.ts";
import type { ticketBrokerAbi } from "./contracts/abi.ts";
import type { ContractEvent, ContractWrite } from "./contracts/call.ts";
import type { Contracts } from "./contracts/controller.ts";
import { revertError } from "./contracts/revert-reasons.ts";
import { hexFromBytes } from "./hex.ts";
import type { Network } from "./networks/network.ts";
import { payoutOf } from "./protocol-math.ts";
import { type IncludedTransaction, type Receipt, receiptOf } from "./receipts.ts";
import { latestBlock, logsBetween } from "./rpc/blocks.ts";
import { hexData, rpcCall } from "./rpc/call.ts";
import { isTooManyLogs } from "./rpc/endpoint.ts";
import type { Endpoints } from "./rpc/endpoints.ts";
import type { Transactions } from "./transactions.ts";

export interface TicketBrokerPorts {
  readonly contracts: Contracts;
  readonly endpoints: Endpoints;
  readonly transactions: Transactions;
}

type BrokerEvent = ContractEvent<typeof ticketBrokerAbi>;
type RedeemedEvent = Extract<BrokerEvent, { readonly name: "WinningTicketRedeemed" }>;

/** How far back a forgotten redemption is looked for: two days of Arbitrum, the longest that a ticket can be redeemed. */
const MAX_SEARCHED_BLOCKS = 700_000n;
const SEARCH_RANGE = 10_000n;

/** The contract that pays winners, with one account sending the transactions. */
export class TicketBroker implements Broker {
  readonly validityRounds: bigint;
  readonly #network: Network;
  readonly #ports: TicketBrokerPorts;

  /** `validityRounds` as read from the contract. */
  constructor(network: Network, validityRounds: bigint, ports: TicketBrokerPorts) {
    this.#network = network;
    this.validityRounds = validityRounds;
    this.#ports = ports;
  }

  redemptionGas(tickets: number): bigint {
    const { redeemGas, redeemGasFurther } = this.#network;
    return tickets === 0 ? 0n : redeemGas + BigInt(tickets - 1) * redeemGasFurther;
  }

  async isUsed(ticket: TicketHash, signal?: AbortSignal): Promise<boolean> {
    return await this.#ports.endpoints.request(this.#broker.read("usedTickets", [ticket]), signal);
  }

  async payout({ ticket }: WinningTicket, signal?: AbortSignal): Promise<Wei> {
    const { sender, recipient, faceValue } = ticket;
    const [[account], claimable] = await this.#ports.endpoints.batch(
      [this.#broker.read("getSenderInfo", [sender]), this.#broker.read("claimableReserve", [sender, recipient])],
      signal,
    );
    return wei(payoutOf(faceValue, account.deposit, claimable).paid);
  }

  async redeem(winner: WinningTicket, options: RedeemOptions = {}): Promise<Redemption> {
    const receipt = await this.#ports.transactions.send(this.#redeeming(winner), options);
    const paid = this.#paidFor(winner, receipt);
    if (paid === undefined)
      throw new RivuletError("chain.reverted", { reason: "the ticket is not among the redeemed" });
    return { transaction: receipt.transaction, paid: wei(paid), gasCost: wei(receipt.gasCost) };
  }

  async redeemBatch(
    winners: readonly WinningTicket[],
    options: RedeemOptions = {},
  ): Promise<readonly RedemptionOutcome[]> {
    const write = this.#broker.write("batchRedeemWinningTickets", [
      winners.map(({ ticket }) => argumentOf(ticket)),
      winners.map(({ signature }) => hexFromBytes(signature)),
      winners.map(({ recipientRand }) => recipientRand),
    ]);
    const receipt = await this.#ports.transactions.send(write, options);
    const paid = winners.map((winner) => this.#paidFor(winner, receipt));
    // The contract swallows refusals within a batch: what left no event was refused.
    const count = BigInt(paid.filter((one) => one !== undefined).length);
    const share = count === 0n ? 0n : receipt.gasCost / count;
    let rest = count === 0n ? 0n : receipt.gasCost % count;
    return await Promise.all(
      winners.map(async (winner, index): Promise<RedemptionOutcome> => {
        const amount = paid[index];
        if (amount === undefined) return { error: await this.#refusalOf(winner, options.signal) };
        const gasCost = wei(share + rest);
        rest = 0n;
        return { transaction: receipt.transaction, paid: wei(amount), gasCost };
      }),
    );
  }

  async redemption(
    winner: WinningTicket,
    transaction?: TransactionHash,
    signal?: AbortSignal,
  ): Promise<Redemption | undefined> {
    const { endpoints } = this.#ports;
    const known = transaction === undefined ? undefined : await endpoints.request(receiptOf(transaction), signal);
    const found = known === undefined ? undefined : this.#paidFor(winner, known);
    const receipt = found === undefined ? await this.#find(winner, signal) : known;
    const paid = receipt === undefined ? undefined : this.#paidFor(winner, receipt);
    if (receipt === undefined || paid === undefined) return undefined;
    const isOurs = receipt.from === this.#ports.transactions.address;
    const tickets = this.#broker.events(receipt.logs).filter(({ name }) => name === "WinningTicketRedeemed").length;
    const gasCost = isOurs ? receipt.gasCost / BigInt(tickets) : 0n;
    return { transaction: receipt.transaction, paid: wei(paid), gasCost: wei(gasCost) };
  }

  get #broker(): Contracts["ticketBroker"] {
    return this.#ports.contracts.ticketBroker;
  }

  #redeeming({ ticket, signature, recipientRand }: WinningTicket): ContractWrite {
    const args = [argumentOf(ticket), hexFromBytes(signature), recipientRand] as const;
    return this.#broker.write("redeemWinningTicket", args);
  }

  /**
   * What a transaction paid for a ticket, from its events: a transfer, if anything was left to transfer, and then that the
   * ticket has been redeemed. `undefined` when it has not.
   */
  #paidFor(winner: WinningTicket, { logs }: Pick<Receipt, "logs">): bigint | undefined {
    let transferred = 0n;
    for (const event of this.#broker.events(logs)) {
      if (event.name === "WinningTicketTransfer") transferred = event.args.amount;
      if (event.name !== "WinningTicketRedeemed") continue;
      if (isOf(winner, event)) return transferred;
      transferred = 0n;
    }
    return undefined;
  }

  /** Why the contract does not take a ticket, asked on its own. */
  async #refusalOf(winner: WinningTicket, signal: AbortSignal | undefined): Promise<unknown> {
    const { to, data, functionName } = this.#redeeming(winner);
    try {
      const call = { from: this.#ports.transactions.address, to, data };
      await this.#ports.endpoints.request(rpcCall("eth_call", [call, "latest"], hexData), signal);
      return new RivuletError("chain.round-not-initialized", {
        reason: "it was refused in its batch and would pass now",
      });
    } catch (error) {
      return revertError(error, functionName);
    }
  }

  /** The transaction that redeemed a ticket, newest blocks first. */
  async #find(winner: WinningTicket, signal: AbortSignal | undefined): Promise<IncludedTransaction | undefined> {
    const { endpoints } = this.#ports;
    const filter = this.#broker.filter(["WinningTicketRedeemed"]);
    const head = await endpoints.request(latestBlock(), signal);
    const first = max(0n, head.number - MAX_SEARCHED_BLOCKS);
    let range = SEARCH_RANGE;
    for (let last: bigint = head.number; last >= first; ) {
      const start = max(first, last - range + 1n);
      try {
        const logs = await endpoints.request(logsBetween(filter, start, last), signal);
        const event = this.#broker
          .events(logs)
          .find((one) => one.name === "WinningTicketRedeemed" && isOf(winner, one));
        if (event !== undefined) return await endpoints.request(receiptOf(event.log.transaction), signal);
        last = start - 1n;
      } catch (error) {
        if (!isTooManyLogs(error) || range === 1n) throw error;
        range /= 2n;
      }
    }
    return undefined;
  }
}

/** Whether an event tells of this ticket: nobody else's has its random number and nonce. */
function isOf({ ticket, recipientRand }: WinningTicket, { args }: RedeemedEvent): boolean {
  return (
    args.recipientRand === recipientRand &&
    args.senderNonce === BigInt(ticket.senderNonce) &&
    address(args.sender) === ticket.sender &&
    address(args.recipient) === ticket.recipient
  );
}

function argumentOf(ticket: Ticket) {
  return {
    recipient: ticket.recipient,
    sender: ticket.sender,
    faceValue: ticket.faceValue,
    winProb: ticket.winProbability,
    senderNonce: BigInt(ticket.senderNonce),
    recipientRandHash: hexFromBytes(ticket.recipientRandHash),
    auxData: hexFromBytes(auxData(ticket.expiration)),
  };
}
