/** Small facts that outlive a restart, by name. Names are the owner's; those of this package begin with its own words. */
export interface Settings {
  find(key: string): Promise<string | undefined>;
  /** Writes all of them, or none. Resolves when they have survived a power failure. */
  set(values: Readonly<Record<string, string>>): Promise<void>;
  remove(key: string): Promise<void>;
}
