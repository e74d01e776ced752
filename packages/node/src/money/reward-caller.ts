import { type Contracts, type Endpoints, readPoolPosition, type Transactions } from "@rivulet/chain";
import type { Activity, Rounds } from "@rivulet/payments";
import { codeOf, isError, type Logger, type Round, type Startable } from "@rivulet/primitives";
import { BlockWatch } from "./block-watch.ts";

export interface RewardCallerPorts {
  readonly rounds: Rounds;
  readonly activity: Activity;
  readonly contracts: Contracts;
  readonly endpoints: Endpoints;
  readonly transactions: Pick<Transactions, "address" | "send">;
  readonly log: Logger;
}

/** What fails on the chain costs gas each time; a round's reward is worth several tries, not one with every block. */
const MAX_FAILURES = 3;

/**
 * Mints the account's reward once in every round in which it is active: what is not called for in its round is lost. Tried
 * again with every block until it succeeds, fails on the chain too often, or the round is over. Source: nodes-and-operations 4.2.
 */
export class RewardCaller implements Startable {
  readonly #ports: RewardCallerPorts;
  readonly #watch: BlockWatch;
  /** The last round for which there is nothing left to do. */
  #done: Round | undefined;
  /** The last round whose failure was told. */
  #told: Round | undefined;
  /** Calls of that round that failed on the chain. */
  #failures = 0;

  constructor(ports: RewardCallerPorts) {
    this.#ports = ports;
    this.#watch = new BlockWatch(ports.rounds, "the reward caller", (signal) => {
      const round = ports.rounds.lastInitializedRound;
      return this.#done === round ? undefined : this.#call(round, signal);
    });
  }

  start(): Promise<void> {
    return this.#watch.start();
  }

  stop(): Promise<void> {
    return this.#watch.stop();
  }

  async #call(round: Round, signal: AbortSignal): Promise<void> {
    const { activity, transactions, log } = this.#ports;
    try {
      if (await activity.isActive(transactions.address, round, signal)) await this.#mint(round, signal);
      this.#done = round;
    } catch (error) {
      if (signal.aborted) return;
      const isFirst = this.#told !== round;
      if (isFirst) this.#failures = 0;
      if (isError(error, "chain.transaction-failed") && ++this.#failures >= MAX_FAILURES) this.#done = round;
      const level = isFirst ? "warn" : "debug";
      this.#told = round;
      log[level]("reward not minted", {
        round,
        code: codeOf(error),
        reason: error instanceof Error ? error.message : "",
      });
    }
  }

  async #mint(round: Round, signal: AbortSignal): Promise<void> {
    const { contracts, endpoints, transactions, log } = this.#ports;
    const { bonding } = contracts;
    const { address } = transactions;
    const [lastRewardRound] = await endpoints.request(bonding.read("getTranscoder", [address]), signal);
    if (lastRewardRound >= round) return;
    // What is minted is little beside what lies between neighbours, who get theirs as well.
    const { previous, next } = await readPoolPosition(bonding, endpoints, address, 0n, signal);
    const write = bonding.write("rewardWithHint", [previous, next]);
    const { gasCost } = await transactions.send(write, { signal });
    log.info("reward minted", { round, gasCost });
  }
}
