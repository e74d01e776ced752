import type { Migration } from "./migration.ts";

/**
 * Numbers of more than 53 bits and exact fractions are decimal texts: no database type holds them. Hashes are bytes.
 * `expiration_block` is only compared, and stops at the largest whole number that the column takes.
 */
export const payments: Migration = {
  id: 1,
  name: "payments",
  sql: `
    create table settings (
      key text primary key,
      value text not null
    ) without rowid;

    create table recipient_secrets (
      generation integer primary key,
      secret blob not null,
      created_at real not null
    );

    create table received_nonces (
      recipient_rand_hash blob primary key,
      expiration_block integer not null,
      runs text not null
    ) without rowid;
    create index received_nonces_expiration on received_nonces (expiration_block);

    create table reserved_nonces (
      recipient_rand_hash blob primary key,
      expiration_block integer not null,
      last integer not null
    ) without rowid;
    create index reserved_nonces_expiration on reserved_nonces (expiration_block);

    create table accounts (
      side text not null,
      peer text not null,
      id text not null,
      credited text not null,
      debited text not null,
      expired text not null,
      tickets text not null,
      fixed_price text,
      touched_at real not null,
      primary key (side, peer, id)
    ) without rowid;

    create table closed_accounts (
      side text not null,
      peer text not null,
      credited text not null,
      debited text not null,
      expired text not null,
      tickets text not null,
      primary key (side, peer)
    ) without rowid;

    create table winners (
      sequence integer primary key autoincrement,
      hash text not null unique,
      sender text not null,
      recipient text not null,
      face_value text not null,
      win_probability text not null,
      sender_nonce integer not null,
      recipient_rand_hash blob not null,
      creation_round text not null,
      creation_round_block_hash blob not null,
      signature blob not null,
      recipient_rand text not null,
      params_expiration_block text not null,
      won_at real not null,
      state text not null,
      transaction_hash text,
      settled_at real,
      paid text,
      gas_cost text,
      why text,
      reason text,
      failures integer not null,
      last_failure text
    );
    create index winners_state on winners (state, sequence);
    create index winners_sender on winners (sender, sequence);

    create table winner_totals (
      state text primary key,
      count text not null,
      face_value text not null,
      paid text not null,
      gas_cost text not null
    ) without rowid;

    create table orchestrators (
      address text primary key,
      service_uri text,
      ai_service_uri text,
      activation_round text,
      deactivation_round text,
      stake text,
      stake_round text,
      price text,
      priced_at real,
      updated_at real not null
    ) without rowid;
  `,
};
