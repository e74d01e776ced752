import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { RivuletError } from "@rivulet/primitives";
import type { Migration } from "./migration.ts";

/** Brings a database to the newest schema, all steps in one transaction. Throws what `missingSteps` throws. */
export function migrate(database: DatabaseSync, migrations: readonly Migration[], file: string, now: number): void {
  database.exec(
    "create table if not exists migrations (id integer primary key, name text not null, checksum text not null, applied_at real not null)",
  );
  const missing = missingSteps(database, migrations, file);
  if (missing.length === 0) return;
  database.exec("begin immediate");
  const note = database.prepare("insert into migrations (id, name, checksum, applied_at) values (?, ?, ?, ?)");
  for (const migration of missing) {
    database.exec(migration.sql);
    note.run(migration.id, migration.name, checksumOf(migration), now);
  }
  database.exec("commit");
}

/**
 * The steps that a database lacks.
 *
 * Throws "store.newer" when steps were applied that are not known here, and "store.corrupt" when a step was another one than
 * it is here.
 */
export function missingSteps(
  database: DatabaseSync,
  migrations: readonly Migration[],
  file: string,
): readonly Migration[] {
  const applied = database.prepare("select id, name, checksum from migrations order by id").all();
  for (const { id, name, checksum } of applied) {
    const known = migrations.find((migration) => migration.id === id);
    if (known === undefined) throw new RivuletError("store.newer", { reason: newerAdvice(file, `${name}`) });
    if (checksum !== checksumOf(known))
      throw new RivuletError("store.corrupt", { reason: foreignAdvice(file, `${name}`) });
  }
  return migrations.slice(applied.length);
}

/** White space does not count: it is how the text is laid out here. */
function checksumOf({ sql }: Migration): string {
  return createHash("sha256").update(sql.replace(/\s+/g, " ").trim()).digest("hex");
}

function newerAdvice(file: string, name: string): string {
  return `${file} has the step "${name}" of its schema, which this version does not know: start the version that wrote it, or name another directory with -dataDir`;
}

function foreignAdvice(file: string, name: string): string {
  return `the step "${name}" of the schema of ${file} is not the one of this program: restore the file from a copy, or name another directory with -dataDir`;
}
