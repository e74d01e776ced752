import { type Address, addressFromBytes } from "@rivulet/crypto";
import type { SenderFunds, Senders } from "@rivulet/payments";
import { type Logger, round, wei } from "@rivulet/primitives";
import type { ChainUpdate, Follower } from "./block-watcher.ts";
import type { ReadAt } from "./contracts/call.ts";
import type { Contracts } from "./contracts/controller.ts";
import { FollowedState } from "./followed-state.ts";
import { bytesFromHex, type Hex } from "./hex.ts";
import { MAX_NEW_SENDERS, MAX_SENDERS } from "./limits.ts";
import { Listeners } from "./listeners.ts";
import type { LogFilter } from "./rpc/blocks.ts";
import type { Endpoints } from "./rpc/endpoints.ts";

export interface SendersPorts {
  readonly contracts: Contracts;
  readonly endpoints: Endpoints;
  readonly log: Logger;
  /** The block that is known to followers. */
  readonly at: () => ReadAt;
}

const CHANGES = [
  "DepositFunded",
  "ReserveFunded",
  "ReserveClaimed",
  "WinningTicketTransfer",
  "Unlock",
  "UnlockCancelled",
  "Withdrawal",
] as const;

/**
 * What senders have locked, followed. An event says whose funds moved; how much they are is then asked.
 * Source of the events: payments-and-chain 9.1.
 */
export class FollowedSenders implements Senders, Follower {
  readonly filter: LogFilter;
  readonly #ports: SendersPorts;
  readonly #recipient: Address | undefined;
  readonly #fundsTopics: readonly Hex[];
  readonly #funds: FollowedState<SenderFunds>;
  readonly #listeners = new Listeners<[sender: Address | undefined]>();
  #isEverybodyTouched = false;

  /** `recipient`: whose claims are told apart; the operator of an orchestrator. */
  constructor(recipient: Address | undefined, ports: SendersPorts) {
    const { ticketBroker, rounds } = ports.contracts;
    const atBroker = ticketBroker.filter(CHANGES);
    const atRounds = rounds.filter(["NewRound"]);
    this.filter = {
      addresses: [...atBroker.addresses, ...atRounds.addresses],
      topics: [...atBroker.topics, ...atRounds.topics],
    };
    this.#recipient = recipient;
    this.#ports = ports;
    this.#fundsTopics = atBroker.topics;
    this.#funds = new FollowedState({
      capacity: MAX_SENDERS,
      strangers: MAX_NEW_SENDERS,
      read: (sender) => this.#read(sender),
      log: ports.log,
    });
  }

  async funds(sender: Address, signal?: AbortSignal): Promise<SenderFunds> {
    return await this.#funds.get(sender, signal);
  }

  onChanged(listener: (sender: Address | undefined) => void): Disposable {
    return this.#listeners.add(listener);
  }

  note({ logs, undone, isReset }: ChainUpdate): void {
    const { rounds, ticketBroker } = this.#ports.contracts;
    const changes = [...logs, ...undone];
    // A new round opens the claims on every reserve anew.
    if (isReset || rounds.events(changes).length > 0) {
      this.#funds.touchAll();
      this.#isEverybodyTouched = true;
    }
    for (const { address, topics } of changes) {
      const [topic, holder] = topics;
      if (address !== ticketBroker.address || topic === undefined || holder === undefined) continue;
      if (this.#fundsTopics.includes(topic)) this.#funds.touch(addressFromBytes(bytesFromHex(holder)));
    }
  }

  async refresh(): Promise<void> {
    const changed = await this.#funds.refresh();
    if (this.#isEverybodyTouched) {
      this.#isEverybodyTouched = false;
      this.#listeners.tell(undefined);
    } else {
      for (const sender of changed) this.#listeners.tell(sender);
    }
  }

  async #read(sender: Address): Promise<SenderFunds> {
    const { contracts, endpoints } = this.#ports;
    const at = this.#ports.at();
    const [[account, reserve], claimed] = await endpoints.batch([
      contracts.ticketBroker.read("getSenderInfo", [sender], at),
      contracts.ticketBroker.read("claimedReserve", [sender, this.#recipient ?? sender], at),
    ]);
    return {
      deposit: wei(account.deposit),
      withdrawRound: round(account.withdrawRound),
      reserveRemaining: wei(reserve.fundsRemaining),
      reserveClaimedInCurrentRound: wei(reserve.claimedInCurrentRound),
      reserveClaimedByUs: wei(this.#recipient === undefined ? 0n : claimed),
    };
  }
}
