import { codeOf, ms, Rational, round, wei } from "@rivulet/primitives";
import { testVectors } from "@rivulet/testkit";
import { expect } from "vitest";
import { appPrice } from "../src/app-price.ts";
import { byocTickets } from "../src/byoc.ts";
import { feedPair, feedPrice, weiFrom } from "../src/currency.ts";
import { billTime } from "../src/live-billing.ts";
import { priceText } from "../src/price-text.ts";
import { billedUnits } from "../src/remote-signer.ts";
import { senderCover } from "../src/sender-monitor.ts";
import { billingType } from "../src/signer-state.ts";

// The specification's 195 known answers are in vectors/tickets, vectors/fees, vectors/prices and vectors/payment-messages
// (aux_data, ticket_hash, recipient_rand, ticket_signature, winning, face_value, ticket_ev, sender_validation, stage_update,
// balance_update, price_to_fixed, advertised_price, signature, pipeline_units, auth_token, payment_header), in vectors/chain
// (selectors, topics, contract_ids, calldata, stake_to_fixed, rounds, ticket_expiry, perc_math, reserve_claim), with the
// gateway (selection), and in vectors/payments, which is here: max_float, live_processor, signer_billing, byoc_tickets,
// price_feed, currency_to_wei, price_string, runner_price.
testVectors("payments", {
  "max-float": (
    input: Record<
      | "reserveFundsRemaining"
      | "reserveClaimedInCurrentRound"
      | "poolSize"
      | "claimedByClaimant"
      | "deposit"
      | "pendingAmount",
      string
    >,
    expected: Record<"reserveAlloc" | "maxFloat" | "availableFunds", string>,
  ) => {
    const cover = senderCover(
      {
        deposit: wei(BigInt(input.deposit)),
        withdrawRound: round(0n),
        reserveRemaining: wei(BigInt(input.reserveFundsRemaining)),
        reserveClaimedInCurrentRound: wei(BigInt(input.reserveClaimedInCurrentRound)),
        reserveClaimedByUs: wei(BigInt(input.claimedByClaimant)),
      },
      BigInt(input.poolSize),
      BigInt(input.pendingAmount),
    );
    expect(cover).toEqual({
      reserveShare: BigInt(expected.reserveAlloc),
      maxFloat: BigInt(expected.maxFloat),
      available: BigInt(expected.availableFunds),
    });
  },
  "live-processor": (
    input: { readonly unitsPerSecond: string; readonly elapsedMs: number },
    expected: { readonly billedUnits: string; readonly advanceMs: number },
  ) => {
    const billed = billTime(ms(input.elapsedMs), BigInt(input.unitsPerSecond));
    expect(billed).toEqual({ units: BigInt(expected.billedUnits), covered: expected.advanceMs });
  },
  "signer-billing": (
    input: { readonly type: string; readonly secondsSinceLastUpdate: number; readonly initialPrice: string },
    expected: { readonly billableUnits: string; readonly fee: string },
  ) => {
    const units = billedUnits(billingType(input.type), ms(input.secondsSinceLastUpdate * 1000));
    expect(`${units}`).toBe(expected.billableUnits);
    expect(`${Rational.parse(input.initialPrice).times(units)}`).toBe(expected.fee);
  },
  "byoc-tickets": (
    { cost, ticketEV }: { readonly cost: string; readonly ticketEV: string },
    { numTickets }: { readonly numTickets: number },
  ) => {
    expect(byocTickets(Rational.parse(cost), Rational.parse(ticketEV))).toBe(BigInt(numTickets));
  },
  "price-feed": (
    { answer, decimals }: { readonly answer: string; readonly decimals: number },
    { price }: { readonly price: string },
  ) => {
    expect(`${feedPrice(BigInt(answer), decimals)}`).toBe(price);
  },
  "currency-to-wei": (
    input: { readonly price: string; readonly feedPrice: string; readonly feedDescription: string },
    expected: { readonly wei: string },
  ) => {
    const pair = feedPair(input.feedDescription);
    const feed = { ...pair, price: Rational.parse(input.feedPrice), updatedAt: ms(0) };
    const currency = pair.base === "ETH" ? pair.quote : pair.base;
    expect(`${weiFrom(Rational.parse(input.price), currency, feed)}`).toBe(expected.wei);
  },
  "price-string": (
    { text }: { readonly text: string },
    expected: { readonly price: string; readonly currency: string } | { readonly error: true },
  ) => {
    if ("error" in expected) return expect(thrownBy(() => priceText(text))).toBe("price.malformed");
    const { amount, currency } = priceText(text);
    expect({ price: `${amount}`, currency }).toEqual(expected);
  },
  "runner-price": (
    input: { readonly price: string; readonly currency: string; readonly unit: string; readonly ethUsd: string },
    expected: { readonly unit: string; readonly wei: string } | { readonly error: string },
  ) => {
    const feed = { base: "ETH", quote: "USD", price: Rational.parse(input.ethUsd), updatedAt: ms(0) };
    if ("error" in expected) return expect(thrownBy(() => appPrice(input, feed))).toBe(expected.error);
    const { weiPerUnit, unit } = appPrice(input, feed);
    expect({ unit, wei: `${weiPerUnit}` }).toEqual(expected);
  },
});

function thrownBy(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return codeOf(error);
  }
  return undefined;
}
