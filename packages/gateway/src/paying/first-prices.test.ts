import { textToImage } from "@rivulet/pipelines";
import { minutes, Rational } from "@rivulet/primitives";
import { TestClock } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { FirstPrices } from "./first-prices.ts";

const of = (price: bigint) => ({ price: Rational.of(price) }) as Parameters<FirstPrices["paid"]>[1];
const peer = (uri: string) =>
  ({ session: { uri }, offer: { pipeline: textToImage, model: "m" } }) as unknown as Parameters<FirstPrices["paid"]>[0];

test("a price may double within a session and no more; another session begins at its own", () => {
  const first = new FirstPrices(new TestClock());
  first.paid(peer("a"), of(10n));
  expect(() => first.assertHeld(peer("a"), of(20n))).not.toThrow();
  first.paid(peer("a"), of(20n));
  expect(() => first.assertHeld(peer("a"), of(21n))).toThrow(
    expect.objectContaining({ code: "payment.price-increased" }),
  );
  expect(() => first.assertHeld(peer("b"), of(21n))).not.toThrow();
});

test("ten minutes without a payment end a session", async () => {
  const clock = new TestClock();
  const first = new FirstPrices(clock);
  first.paid(peer("a"), of(10n));
  await clock.advance(minutes(9));
  first.paid(peer("a"), of(10n));
  await clock.advance(minutes(9));
  expect(() => first.assertHeld(peer("a"), of(21n))).toThrow();
  await clock.advance(minutes(1));
  expect(() => first.assertHeld(peer("a"), of(21n))).not.toThrow();
});
