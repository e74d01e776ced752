import type { Milliseconds } from "@rivulet/primitives";
import type { Settings } from "@rivulet/store";

/** A number that is on disk, and the moment from which it ages. */
export interface AgingRow {
  readonly amount: bigint;
  readonly since: Milliseconds;
}

/** Rows that have aged are forgotten so many at a time, along with the writing of another. */
const FORGOTTEN_AT_ONCE = 10;

/** The rows of one kind, in memory as on disk, until they have aged. */
export class AgingRows {
  readonly #settings: Settings;
  readonly #prefix: string;
  /** Oldest first. */
  readonly #rows: Map<string, AgingRow>;

  private constructor(settings: Settings, prefix: string, rows: Map<string, AgingRow>) {
    this.#settings = settings;
    this.#prefix = prefix;
    this.#rows = rows;
  }

  static async read(settings: Settings, prefix: string): Promise<AgingRows> {
    const rows = [...(await settings.startingWith(prefix))].map(([key, text]): [string, AgingRow] => {
      const [amount = "0", since = "0"] = text.split(" ");
      return [key.slice(prefix.length), { amount: BigInt(amount), since: Number(since) as Milliseconds }];
    });
    return new AgingRows(settings, prefix, new Map(rows.sort(([, a], [, b]) => a.since - b.since)));
  }

  get size(): number {
    return this.#rows.size;
  }

  find(name: string): AgingRow | undefined {
    return this.#rows.get(name);
  }

  /** How a row is written. */
  text(name: string, { amount, since }: AgingRow): Record<string, string> {
    return { [`${this.#prefix}${name}`]: `${amount} ${since}` };
  }

  /** Notes what was written. */
  put(name: string, row: AgingRow): void {
    if (this.#rows.get(name)?.since !== row.since) this.#rows.delete(name);
    this.#rows.set(name, row);
  }

  /** Forgets some of those from before `moment`. */
  async forget(moment: number): Promise<void> {
    const aged: string[] = [];
    for (const [name, { since }] of this.#rows) {
      if (since >= moment || aged.length >= FORGOTTEN_AT_ONCE) break;
      aged.push(name);
    }
    if (aged.length === 0) return;
    await this.#settings.remove(...aged.map((name) => `${this.#prefix}${name}`));
    for (const name of aged) this.#rows.delete(name);
  }
}
