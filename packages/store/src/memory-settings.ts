import type { Settings } from "./settings.ts";

/** Settings that end with the process. */
export class MemorySettings implements Settings {
  readonly #values = new Map<string, string>();

  async find(key: string): Promise<string | undefined> {
    return this.#values.get(key);
  }

  async set(values: Readonly<Record<string, string>>): Promise<void> {
    for (const [key, value] of Object.entries(values)) this.#values.set(key, value);
  }

  async remove(...keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#values.delete(key);
  }

  async startingWith(prefix: string): Promise<ReadonlyMap<string, string>> {
    return new Map([...this.#values].filter(([key]) => key.startsWith(prefix)));
  }
}
