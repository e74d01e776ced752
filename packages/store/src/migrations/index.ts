import { payments } from "./0001-payments.ts";
import type { Migration } from "./migration.ts";

/** All steps, in order. A new one is a new file and a line here. */
export const migrations: readonly Migration[] = [payments];
