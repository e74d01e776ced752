import { type Address, addressFromBytes } from "@rivulet/crypto";
import type { Activity } from "@rivulet/payments";
import type { Logger, Round } from "@rivulet/primitives";
import type { ChainUpdate, Follower } from "./block-watcher.ts";
import type { ReadAt } from "./contracts/call.ts";
import type { Contracts } from "./contracts/controller.ts";
import { FollowedState } from "./followed-state.ts";
import { bytesFromHex } from "./hex.ts";
import { MAX_RECIPIENTS } from "./limits.ts";
import type { LogFilter } from "./rpc/blocks.ts";
import type { Endpoints } from "./rpc/endpoints.ts";

interface Term {
  readonly activationRound: bigint;
  readonly deactivationRound: bigint;
}

/** Which recipients may earn, followed. */
export class FollowedActivity implements Activity, Follower {
  readonly filter: LogFilter;
  readonly #bonding: Contracts["bonding"];
  readonly #terms: FollowedState<Term>;

  constructor(ports: {
    readonly contracts: Contracts;
    readonly endpoints: Endpoints;
    readonly log: Logger;
    readonly at: () => ReadAt;
  }) {
    const { contracts, endpoints, log, at } = ports;
    const { bonding } = contracts;
    this.#bonding = bonding;
    this.filter = bonding.filter(["TranscoderActivated", "TranscoderDeactivated"]);
    this.#terms = new FollowedState({
      capacity: MAX_RECIPIENTS,
      read: async (recipient) => {
        const [, , , , activationRound, deactivationRound] = await endpoints.request(
          bonding.read("getTranscoder", [recipient], at()),
        );
        return { activationRound, deactivationRound };
      },
      log,
    });
  }

  async isActive(recipient: Address, round: Round, signal?: AbortSignal): Promise<boolean> {
    const { activationRound, deactivationRound } = await this.#terms.get(recipient, signal);
    return activationRound <= round && round < deactivationRound;
  }

  note({ logs, undone, isReset }: ChainUpdate): void {
    if (isReset) this.#terms.touchAll();
    for (const { address, topics } of [...logs, ...undone]) {
      const [topic, transcoder] = topics;
      if (address !== this.#bonding.address || topic === undefined || transcoder === undefined) continue;
      if (this.filter.topics.includes(topic)) this.#terms.touch(addressFromBytes(bytesFromHex(transcoder)));
    }
  }

  async refresh(): Promise<void> {
    await this.#terms.refresh();
  }
}
