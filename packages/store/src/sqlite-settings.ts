import { query } from "./query.ts";
import type { Settings } from "./settings.ts";
import type { Sqlite } from "./sqlite.ts";

/** Settings in an embedded database. */
export class SqliteSettings implements Settings {
  readonly #sqlite: Sqlite;

  constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite;
  }

  find(key: string): Promise<string | undefined> {
    return this.#sqlite.read(
      (transaction) => transaction.first(query.selectFrom("settings").select("value").where("key", "=", key))?.value,
    );
  }

  async set(values: Readonly<Record<string, string>>): Promise<void> {
    await this.#sqlite.write("power", (transaction) => {
      for (const [key, value] of Object.entries(values))
        transaction.run(query.replaceInto("settings").values({ key, value }));
    });
  }

  async remove(...keys: readonly string[]): Promise<void> {
    await this.#sqlite.write("power", (transaction) => {
      for (const key of keys) transaction.run(query.deleteFrom("settings").where("key", "=", key));
    });
  }

  async startingWith(prefix: string): Promise<ReadonlyMap<string, string>> {
    // Names are words of ours: none goes on with the last character there is.
    const found = query
      .selectFrom("settings")
      .selectAll()
      .where("key", ">=", prefix)
      .where("key", "<", `${prefix}\u{10ffff}`);
    const rows = await this.#sqlite.read((transaction) => transaction.all(found));
    return new Map(rows.map(({ key, value }) => [key, value]));
  }
}
