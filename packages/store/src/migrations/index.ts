import { payments } from "./0001-payments.ts";
import { signedTickets } from "./0002-signed-tickets.ts";
import type { Migration } from "./migration.ts";

/** All steps, in order. A new one is a new file and a line here. */
export const migrations: readonly Migration[] = [payments, signedTickets];
