import { type Address, address } from "@rivulet/crypto";
import { type Milliseconds, ms, Rational } from "@rivulet/primitives";
import type { Insertable } from "kysely";
import type { KnownOrchestrator, OrchestratorCache, OrchestratorUpdate } from "./orchestrator-cache.ts";
import { query } from "./query.ts";
import type { OrchestratorsTable } from "./schema.ts";
import type { Sqlite } from "./sqlite.ts";

/** A cache in an embedded database. */
export class SqliteOrchestratorCache implements OrchestratorCache {
  readonly #sqlite: Sqlite;

  constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite;
  }

  all(): Promise<readonly KnownOrchestrator[]> {
    return this.#sqlite.read((transaction) =>
      transaction.all(query.selectFrom("orchestrators").selectAll()).map((row) => orchestratorOf(row)),
    );
  }

  find(address: Address): Promise<KnownOrchestrator | undefined> {
    return this.#sqlite.read((transaction) => {
      const row = transaction.first(query.selectFrom("orchestrators").selectAll().where("address", "=", address));
      return row === undefined ? undefined : orchestratorOf(row);
    });
  }

  async learn(updates: readonly OrchestratorUpdate[]): Promise<void> {
    await this.#sqlite.write("process", (transaction) => {
      for (const update of updates) {
        const columns = learnedColumns(update);
        transaction.run(
          query
            .insertInto("orchestrators")
            .values({ address: update.address, ...columns })
            .onConflict((conflict) => conflict.column("address").doUpdateSet(columns)),
        );
      }
    });
  }

  prune(before: Milliseconds): Promise<number> {
    return this.#sqlite.write("process", (transaction) =>
      transaction.run(query.deleteFrom("orchestrators").where("updated_at", "<", before)),
    );
  }
}

/** Only what was learned. */
function learnedColumns(update: OrchestratorUpdate): Omit<Insertable<OrchestratorsTable>, "address"> {
  const { serviceUri, aiServiceUri, activationRound, deactivationRound, stake, stakeRound, price, pricedAt } = update;
  return {
    updated_at: update.updatedAt,
    ...(serviceUri === undefined ? {} : { service_uri: serviceUri }),
    ...(aiServiceUri === undefined ? {} : { ai_service_uri: aiServiceUri }),
    ...(activationRound === undefined ? {} : { activation_round: `${activationRound}` }),
    ...(deactivationRound === undefined ? {} : { deactivation_round: `${deactivationRound}` }),
    ...(stake === undefined ? {} : { stake: `${stake}` }),
    ...(stakeRound === undefined ? {} : { stake_round: `${stakeRound}` }),
    ...(price === undefined ? {} : { price: `${price}` }),
    ...(pricedAt === undefined ? {} : { priced_at: pricedAt }),
  };
}

function orchestratorOf(row: OrchestratorsTable): KnownOrchestrator {
  return {
    address: address(row.address),
    updatedAt: ms(row.updated_at),
    ...(row.service_uri === null ? {} : { serviceUri: row.service_uri }),
    ...(row.ai_service_uri === null ? {} : { aiServiceUri: row.ai_service_uri }),
    ...(row.activation_round === null ? {} : { activationRound: BigInt(row.activation_round) }),
    ...(row.deactivation_round === null ? {} : { deactivationRound: BigInt(row.deactivation_round) }),
    ...(row.stake === null ? {} : { stake: BigInt(row.stake) }),
    ...(row.stake_round === null ? {} : { stakeRound: BigInt(row.stake_round) }),
    ...(row.price === null ? {} : { price: Rational.parse(row.price) }),
    ...(row.priced_at === null ? {} : { pricedAt: ms(row.priced_at) }),
  };
}
