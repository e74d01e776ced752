import { expect, test } from "vitest";
import { Simulation } from "./simulation.ts";

/** Two weeks of a network. To replay a failure, put its seed here. */
const SEEDS = [2];
/** Milliseconds; four seconds of one core where nobody else wants it. */
const SLOWEST = 120_000;
const SIZE = { senders: 200, recipients: 100, rounds: 18, paymentsPerStep: 4 };

/** Every way in which a payment may be refused in a simulation, by who is told. */
const REFUSALS = [
  "payer chain.unavailable",
  "payer payment.exposure-too-high",
  "payer payment.nonces-exhausted",
  "payer payment.over-limit",
  "payer payment.params-expired",
  "payer payment.reserve-insufficient",
  "payer payment.sender-unfunded",
  "payer payment.sender-unlocking",
  "payer payment.sender-unreadable",
  "payee payment.insufficient-balance",
  "payee payment.nonce-reused",
  "payee payment.params-expired",
  "payee payment.price-too-low",
  "payee payment.recipient-inactive",
  "payee payment.sender-unlocking",
  "payee payment.sender-unreadable",
  "forger payment.insufficient-balance",
  "forger payment.params-expired",
  "forger payment.params-unknown",
  "forger payment.price-too-low",
  "forger payment.recipient-inactive",
  "forger payment.sender-missing",
  "forger payment.sender-unlocking",
  "forger payment.sender-unreadable",
  "forger payment.ticket-invalid",
];
/** Those without which it has shown nothing. */
const ESSENTIAL = [
  "payer chain.unavailable",
  "payer payment.reserve-insufficient",
  "payer payment.sender-unfunded",
  "payer payment.sender-unlocking",
  "payee payment.nonce-reused",
  "payee payment.params-expired",
  "payee payment.recipient-inactive",
  "forger payment.insufficient-balance",
  "forger payment.params-unknown",
  "forger payment.price-too-low",
  "forger payment.sender-missing",
  "forger payment.ticket-invalid",
];

test.each(SEEDS)(
  "weeks of lost, doubled, late and forged payments neither create nor lose a wei: seed %i",
  async (seed) => {
    const report = await new Simulation(seed, SIZE).run();
    const refusals = [...report.refusals.keys()];
    expect(refusals.filter((code) => !REFUSALS.includes(code))).toEqual([]);
    expect(refusals).toEqual(expect.arrayContaining(ESSENTIAL));
    expect(report.days).toBeGreaterThan(14);
    expect(report.redeemed).toBeGreaterThan(100);
    expect(report.lost.size).toBeGreaterThan(0);
    expect(report.restarts).toBeGreaterThan(100);
  },
  SLOWEST,
);
