import type { Address } from "@rivulet/crypto";
import type { Milliseconds } from "@rivulet/primitives";
import type { KnownOrchestrator, OrchestratorCache, OrchestratorUpdate } from "./orchestrator-cache.ts";

/** A cache that ends with the process. */
export class MemoryOrchestratorCache implements OrchestratorCache {
  readonly #known = new Map<Address, KnownOrchestrator>();

  async all(): Promise<readonly KnownOrchestrator[]> {
    return [...this.#known.values()];
  }

  async find(address: Address): Promise<KnownOrchestrator | undefined> {
    return this.#known.get(address);
  }

  async learn(updates: readonly OrchestratorUpdate[]): Promise<void> {
    for (const update of updates) this.#known.set(update.address, { ...this.#known.get(update.address), ...update });
  }

  async prune(before: Milliseconds): Promise<number> {
    const old = [...this.#known.values()].filter(({ updatedAt }) => updatedAt < before);
    for (const { address } of old) this.#known.delete(address);
    return old.length;
  }
}
