/** Small facts that outlive a restart, by name. Names are the owner's; those of this package begin with its own words. */
export interface Settings {
  find(key: string): Promise<string | undefined>;
  /** Writes all of them, or none. Resolves when they have survived a power failure. */
  set(values: Readonly<Record<string, string>>): Promise<void>;
  /** Forgets all of them, or none. Names that are not there do no harm. */
  remove(...keys: readonly string[]): Promise<void>;
  /** Those whose names begin with these words. */
  startingWith(prefix: string): Promise<ReadonlyMap<string, string>>;
}
