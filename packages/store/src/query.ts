import { type Compilable, DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from "kysely";
import type { Schema } from "./schema.ts";

/** Builds typed queries, which `Transaction` runs. It has no connection of its own. */
export const query = new Kysely<Schema>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

/** Stands in a query for a value that comes with each use. */
class Parameter {
  readonly name: PropertyKey;

  constructor(name: PropertyKey) {
    this.name = name;
  }
}

/**
 * A query that is built and compiled once, for those that each payment runs: building takes as long as running.
 *
 *     const lastNonce = prepared<{ hash: Uint8Array }, { last: number }>(({ hash }) =>
 *       query.selectFrom("reserved_nonces").select("last").where("recipient_rand_hash", "=", hash));
 *     transaction.first(lastNonce({ hash }));
 */
export function prepared<Values extends object, Row>(
  build: (parameters: Values) => Compilable<Row>,
): (values: Values) => Compilable<Row> {
  // Each member of it is a stand-in, whatever type the query takes it for; it reaches nobody but the compiler.
  const parameters = new Proxy({}, { get: (_, name) => new Parameter(name) }) as Values;
  const compiled = build(parameters).compile();
  return (values) => ({
    compile: () => ({
      ...compiled,
      parameters: compiled.parameters.map((each) =>
        each instanceof Parameter ? Reflect.get(values, each.name) : each,
      ),
    }),
  });
}
