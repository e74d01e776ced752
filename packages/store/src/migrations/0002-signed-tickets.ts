import type { Migration } from "./migration.ts";

/** What tickets that are out may still cost outlives a restart. Rows from before, whose tickets expire soon, know of none. */
export const signedTickets: Migration = {
  id: 2,
  name: "signed-tickets",
  sql: `
    alter table reserved_nonces add column recipient text;
    alter table reserved_nonces add column face_value text;
    alter table reserved_nonces add column win_probability text;
    alter table reserved_nonces add column tickets integer not null default 0;
  `,
};
