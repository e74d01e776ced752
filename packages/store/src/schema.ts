import type { Generated } from "kysely";

/** The tables as `migrations/` leaves them. `null` is SQL's. */
export interface Schema {
  readonly settings: SettingsTable;
  readonly recipient_secrets: RecipientSecretsTable;
  readonly received_nonces: ReceivedNoncesTable;
  readonly reserved_nonces: ReservedNoncesTable;
  readonly accounts: AccountsTable;
  readonly closed_accounts: ClosedAccountsTable;
  readonly winners: WinnersTable;
  readonly winner_totals: WinnerTotalsTable;
  readonly orchestrators: OrchestratorsTable;
}

export interface SettingsTable {
  key: string;
  value: string;
}

export interface RecipientSecretsTable {
  generation: number;
  secret: Uint8Array;
  created_at: number;
}

export interface ReceivedNoncesTable {
  recipient_rand_hash: Uint8Array;
  expiration_block: bigint;
  /** As `NonceWindow` writes them. */
  runs: string;
}

export interface ReservedNoncesTable {
  recipient_rand_hash: Uint8Array;
  expiration_block: bigint;
  last: number;
  /** Of the tickets that were booked with their nonces, as is what follows. */
  recipient: string | null;
  face_value: string | null;
  win_probability: string | null;
  /** How many. */
  tickets: number;
}

/** Exact fractions as `Rational` writes them. */
export interface TotalsColumns {
  credited: string;
  debited: string;
  expired: string;
  tickets: string;
}

export interface ClosedAccountsTable extends TotalsColumns {
  side: string;
  peer: string;
}

export interface AccountsTable extends TotalsColumns {
  side: string;
  peer: string;
  id: string;
  fixed_price: string | null;
  touched_at: number;
}

export interface WinnerStateColumns {
  state: string;
  transaction_hash: string | null;
  settled_at: number | null;
  paid: string | null;
  gas_cost: string | null;
  why: string | null;
  reason: string | null;
}

export interface WinnersTable extends WinnerStateColumns {
  sequence: Generated<number>;
  hash: string;
  sender: string;
  recipient: string;
  face_value: string;
  win_probability: string;
  sender_nonce: number;
  recipient_rand_hash: Uint8Array;
  creation_round: string;
  creation_round_block_hash: Uint8Array;
  signature: Uint8Array;
  recipient_rand: string;
  params_expiration_block: string;
  won_at: number;
  failures: number;
  last_failure: string | null;
}

export interface WinnerTotalsTable {
  state: string;
  count: string;
  face_value: string;
  paid: string;
  gas_cost: string;
}

export interface OrchestratorsTable {
  address: string;
  service_uri: string | null;
  ai_service_uri: string | null;
  activation_round: string | null;
  deactivation_round: string | null;
  stake: string | null;
  stake_round: string | null;
  price: string | null;
  priced_at: number | null;
  updated_at: number;
}
