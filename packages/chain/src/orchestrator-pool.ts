import { type Address, addressFromBytes } from "@rivulet/crypto";
import { type Round, round } from "@rivulet/primitives";
import type { ChainUpdate, Follower } from "./block-watcher.ts";
import type { serviceRegistryAbi } from "./contracts/abi.ts";
import type { Contract, ReadAt } from "./contracts/call.ts";
import type { Contracts } from "./contracts/controller.ts";
import { readPool } from "./contracts/pool-walk.ts";
import { bytesFromHex, type Hex } from "./hex.ts";
import { MAX_URI_LENGTH } from "./limits.ts";
import { Listeners } from "./listeners.ts";
import type { Head, LogFilter } from "./rpc/blocks.ts";
import type { Endpoints } from "./rpc/endpoints.ts";

/** An orchestrator as the contracts know it. */
export interface PoolMember {
  readonly address: Address;
  /** As it stands in the registry that is used; empty where it has written none there. */
  readonly serviceUri: string;
  /** The first round in which it may earn. */
  readonly activationRound: bigint;
  /** The first round in which it may no longer. */
  readonly deactivationRound: bigint;
  /** Delegated to it in the last initialized round, in 1e-18 LPT. */
  readonly stake: bigint;
}

export interface OrchestratorPoolPorts {
  readonly contracts: Contracts;
  readonly endpoints: Endpoints;
}

/**
 * The orchestrators of the network, followed: who is in the pool, since and until when, where, and with how much stake.
 *
 * The whole pool takes about ten requests; afterwards an event has only the one it names read again, and a new round all.
 */
export class FollowedPool implements Follower {
  readonly filter: LogFilter;
  readonly #ports: OrchestratorPoolPorts;
  readonly #registry: Contract<typeof serviceRegistryAbi>;
  readonly #listeners = new Listeners<[]>();
  readonly #concerned: ReadonlySet<Hex>;
  #members: ReadonlyMap<Address, PoolMember> | undefined;
  #round = 0n;
  #touched = new Set<Address>();
  #isRoundOver = true;
  #isWalkDue = true;

  /** `registry`: that of the controller or that of AI nodes. */
  constructor(registry: Contract<typeof serviceRegistryAbi>, ports: OrchestratorPoolPorts) {
    const { bonding, rounds } = ports.contracts;
    const filters = [
      bonding.filter(["TranscoderActivated", "TranscoderDeactivated"]),
      registry.filter(["ServiceURIUpdate"]),
    ];
    const atRounds = rounds.filter(["NewRound"]);
    this.#concerned = new Set(filters.flatMap(({ topics }) => topics));
    this.filter = {
      addresses: [...filters.flatMap(({ addresses }) => addresses), ...atRounds.addresses],
      topics: [...this.#concerned, ...atRounds.topics],
    };
    this.#ports = ports;
    this.#registry = registry;
  }

  /** The last initialized round: the one whose stakes are told. */
  get round(): Round {
    return round(this.#round);
  }

  /** Everybody known, active or not. Throws "chain.unavailable" when the pool was never read. */
  async orchestrators(signal?: AbortSignal): Promise<readonly PoolMember[]> {
    if (this.#members === undefined) await this.#refresh("latest", signal);
    return [...(this.#members?.values() ?? [])];
  }

  /** Told when somebody joined, left or moved, and at each round. */
  onChanged(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }

  note({ logs, undone, isReset }: ChainUpdate): void {
    if (isReset) this.#isWalkDue = true;
    for (const { address: at, topics } of [...logs, ...undone]) {
      const [topic, who] = topics;
      if (topic === undefined || who === undefined) continue;
      if (at === this.#ports.contracts.rounds.address) this.#isRoundOver = true;
      else if (this.#concerned.has(topic) && this.filter.addresses.includes(at)) {
        this.#touched.add(addressFromBytes(bytesFromHex(who)));
      }
    }
  }

  async refresh(head: Head, signal: AbortSignal): Promise<void> {
    await this.#refresh(head.number, signal);
  }

  async #refresh(at: ReadAt, signal: AbortSignal | undefined): Promise<void> {
    const { contracts, endpoints } = this.#ports;
    if (!this.#isWalkDue && !this.#isRoundOver && this.#touched.size === 0) return;
    const now = await endpoints.request(contracts.rounds.read("lastInitializedRound", [], at), signal);
    const known = new Map(this.#members);
    const touched = [...this.#touched];
    const [isWalk, isNewRound] = [this.#isWalkDue, this.#isRoundOver];
    const walked = isWalk ? await readPool(contracts.bonding, endpoints, at, signal) : [];
    const whom = isWalk || isNewRound ? new Set([...walked, ...known.keys(), ...touched]) : new Set(touched);
    for (const member of await this.#read([...whom], now, at, signal)) known.set(member.address, member);
    for (const member of known.values()) if (member.deactivationRound <= now) known.delete(member.address);
    this.#members = known;
    this.#round = now;
    for (const one of touched) this.#touched.delete(one);
    if (isWalk) this.#isWalkDue = false;
    if (isNewRound) this.#isRoundOver = false;
    this.#listeners.tell();
  }

  async #read(
    addresses: readonly Address[],
    now: bigint,
    at: ReadAt,
    signal: AbortSignal | undefined,
  ): Promise<readonly PoolMember[]> {
    const { contracts, endpoints } = this.#ports;
    const { bonding } = contracts;
    const [terms, uris, stakes] = await Promise.all([
      endpoints.batch(
        addresses.map((one) => bonding.read("getTranscoder", [one], at)),
        signal,
      ),
      endpoints.batch(
        addresses.map((one) => this.#registry.read("getServiceURI", [one], at)),
        signal,
      ),
      endpoints.batch(
        addresses.map((one) => bonding.read("getTranscoderEarningsPoolForRound", [one, now], at)),
        signal,
      ),
    ]);
    const members = addresses.map((one, index): PoolMember & { readonly updateRound: bigint } => {
      const [, , , updateRound = 0n, activationRound = 0n, deactivationRound = 0n] = terms[index] ?? [];
      return {
        address: one,
        serviceUri: (uris[index] ?? "").slice(0, MAX_URI_LENGTH),
        activationRound,
        deactivationRound,
        stake: stakes[index]?.[0] ?? 0n,
        updateRound,
      };
    });
    // A round in which nobody moved stake has no entry of its own: the last one that has counts on.
    const silent = members.filter(({ stake, updateRound }) => stake === 0n && updateRound < now);
    const earlier = await endpoints.batch(
      silent.map(({ address: one, updateRound }) =>
        bonding.read("getTranscoderEarningsPoolForRound", [one, updateRound], at),
      ),
      signal,
    );
    const carried = new Map(silent.map((member, index) => [member.address, earlier[index]?.[0] ?? 0n]));
    return members.map(({ updateRound: _, ...member }) => ({
      ...member,
      stake: carried.get(member.address) ?? member.stake,
    }));
  }
}
