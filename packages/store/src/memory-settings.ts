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

  async remove(key: string): Promise<void> {
    this.#values.delete(key);
  }
}
