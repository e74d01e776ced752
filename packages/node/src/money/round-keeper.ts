import type { Contracts, Transactions } from "@rivulet/chain";
import type { Rounds } from "@rivulet/payments";
import {
  type Clock,
  codeOf,
  isError,
  type Logger,
  type Milliseconds,
  ms,
  type Randomness,
  type Startable,
} from "@rivulet/primitives";
import { BlockWatch } from "./block-watch.ts";

export interface RoundKeeperPorts {
  readonly rounds: Rounds;
  readonly contracts: Contracts;
  readonly transactions: Transactions;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
}

/**
 * Begins rounds that nobody else begins. Waits a random time first, so that not everybody pays for the same thing, and
 * looks again. Source: nodes-and-operations 4.2.
 */
export class RoundKeeper implements Startable {
  readonly #maxDelay: Milliseconds;
  readonly #ports: RoundKeeperPorts;
  readonly #watch: BlockWatch;

  constructor(maxDelay: Milliseconds, ports: RoundKeeperPorts) {
    this.#maxDelay = maxDelay;
    this.#ports = ports;
    this.#watch = new BlockWatch(ports.rounds, "the round keeper", (signal) =>
      this.#isDue ? this.#begin(signal) : undefined,
    );
  }

  start(): Promise<void> {
    return this.#watch.start();
  }

  stop(): Promise<void> {
    return this.#watch.stop();
  }

  get #isDue(): boolean {
    const { rounds } = this.#ports;
    return rounds.currentRound > rounds.lastInitializedRound;
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const { clock, randomness, contracts, transactions, rounds, log } = this.#ports;
    try {
      await clock.sleep(ms(randomness.uniform() * this.#maxDelay), signal);
      if (!this.#isDue) return;
      const { gasCost } = await transactions.send(contracts.rounds.write("initializeRound", []), { signal });
      log.info("round begun", { round: rounds.currentRound, gasCost });
    } catch (error) {
      // Somebody was faster, or the chain does not answer: the next block tells.
      if (!signal.aborted && !isError(error, "chain.round-initialized"))
        log.warn("round not begun", { code: codeOf(error), reason: error instanceof Error ? error.message : "" });
    }
  }
}
