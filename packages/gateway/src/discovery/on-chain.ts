import type { Address } from "@rivulet/crypto";
import type { ServiceUri } from "@rivulet/primitives";
import { addressOf } from "./address.ts";
import type { OrchestratorPool, RegisteredOrchestrator } from "./pool.ts";
import type { DiscoverySource, Listed } from "./source.ts";

/**
 * What is known of the pool, at once: whose stake counts how much, and where everybody is. Asks the pool when it is told
 * to, and keeps the last answer when the chain has none.
 */
export class KnownPool implements DiscoverySource {
  readonly #pool: OrchestratorPool;
  #active: ReadonlyMap<Address, RegisteredOrchestrator> = new Map();

  constructor(pool: OrchestratorPool) {
    this.#pool = pool;
  }

  /** Takes over what the pool says now. Throws what it throws. */
  async refresh(signal: AbortSignal): Promise<void> {
    const registered = await this.#pool.orchestrators(signal);
    const { round } = this.#pool;
    this.#active = new Map(
      registered
        .filter(({ activationRound, deactivationRound }) => activationRound <= round && round < deactivationRound)
        .map((each) => [each.address, each]),
    );
  }

  onChanged(listener: () => void): Disposable {
    return this.#pool.onChanged(listener);
  }

  /** What is delegated to an operator, in 1e-18 LPT; 0 for one that is not active. */
  stakeOf(operator: Address): bigint {
    return this.#active.get(operator)?.stake ?? 0n;
  }

  /** The places of those who are active and have written one down. As a source, it follows the last `refresh`. */
  async list(): Promise<readonly Listed[]> {
    const places = new Map<ServiceUri, Set<Address>>();
    for (const { address, serviceUri } of this.#active.values()) {
      const uri = addressOf(serviceUri);
      if (uri === undefined) continue;
      places.set(uri, (places.get(uri) ?? new Set()).add(address));
    }
    return Array.from(places, ([uri, registered]) => ({ uri, registered }));
  }
}
