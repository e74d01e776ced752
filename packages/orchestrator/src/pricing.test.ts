import { address } from "@rivulet/crypto";
import { llm, textToImage } from "@rivulet/pipelines";
import { minutes, Rational } from "@rivulet/primitives";
import { TestClock } from "@rivulet/testkit";
import { type Capabilities, NO_CAPABILITIES } from "@rivulet/wire";
import { beforeEach, describe, expect, test } from "vitest";
import { advertisedPrice, carriedPrice, type PriceRow, Pricing } from "./pricing.ts";
import { highestWithin, Quotes } from "./quotes.ts";

const friend = address(`0x${"11".repeat(20)}`);
const anybody = address(`0x${"22".repeat(20)}`);
const fraction = (text: string) => {
  const [numerator = "", denominator = "1"] = text.split("/");
  return Rational.of(BigInt(numerator), BigInt(denominator));
};
const row = (model: string, weiPerUnit: string, about: Partial<PriceRow> = {}): PriceRow => ({
  capability: 27,
  model,
  gateway: "default",
  weiPerUnit: fraction(weiPerUnit),
  ...about,
});
const wanting = (...models: readonly (readonly [number, string])[]): Capabilities => ({
  ...NO_CAPABILITIES,
  capacities: new Map(models.map(([capability]) => [capability, 1])),
  models: new Map(
    Array.from(
      Map.groupBy(models, ([capability]) => capability),
      ([capability, names]) => [
        capability,
        new Map(names.map(([, name]) => [name, { isWarm: false, capacity: 1, runnerVersion: "", capacityInUse: 0 }])),
      ],
    ),
  ),
});

describe("what is asked", () => {
  const pricing = new Pricing({
    base: new Map([["default", fraction("1200")]]),
    rows: [
      row("sd", "5/2"),
      row("sd", "2", { gateway: friend }),
      row("default", "7"),
      row("llama", "0", { capability: 33 }),
    ],
  });

  test.each([
    ["a model's own price", anybody, wanting([27, "sd"]), "5/2"],
    ["the gateway's own price", friend, wanting([27, "sd"]), "2"],
    ["the price of the pipeline's other models", friend, wanting([27, "other"]), "7"],
    ["the sum over the models", anybody, wanting([27, "sd"], [27, "other"]), "19/2"],
    ["nothing for what is free, and not the base price", anybody, wanting([33, "llama"]), "0"],
    ["the base price when nothing is wanted", anybody, undefined, "1200"],
    ["the base price when no capacity is wanted", anybody, NO_CAPABILITIES, "1200"],
  ])("is %s", (_what, gateway, wanted, price) => {
    expect(String(pricing.priceFor(gateway, wanted))).toBe(price);
  });

  test("is nothing at all for a model without a price: it is not for sale, and never at the base price", () => {
    expect(pricing.priceFor(anybody, wanting([27, "sd"], [33, "gpt"]))).toBeUndefined();
    expect(pricing.isForSale({ pipeline: llm, model: "gpt" })).toBe(false);
    expect(pricing.isForSale({ pipeline: textToImage, model: "anything" })).toBe(true);
  });

  test("is listed for display in whole wei, models on offer included", () => {
    const list = pricing.list(anybody, [{ pipeline: textToImage, model: "other" }]);
    expect(list.map(({ capability, constraint, price }) => `${capability} ${constraint} ${price}`)).toEqual([
      "27 sd 2",
      "33 llama 0",
      "27 other 7",
    ]);
  });
});

// Source: vectors/payments.json, advertised_price.
test.each([
  ["1", "100", "101/100"],
  ["10", "100", "101/10"],
  ["1/10", "100", "101/1000"],
  ["5/2", "100", "101/40"],
  ["10", "10", "11"],
  ["10", "1/10", "110"],
  ["10", "1", "20"],
  ["0", "1", "0"],
  ["25000", "926899968213313/31250000000000", "25842863/1000"],
  ["1050000", "100", "1060500"],
  ["10", "0", "10"],
])("%s with a redemption that costs 1/%s of a ticket is told as %s", (base, multiplier, told) => {
  expect(advertisedPrice(fraction(base), fraction(multiplier))).toEqual(fraction(told));
});

test("what costs something is never told to be free", () => {
  expect(String(advertisedPrice(fraction("1/100000"), fraction("100")))).toBe("101/10000000");
  // Neither of the network's two numbers holds the denominator.
  const odd = advertisedPrice(fraction("1/10000"), fraction("926899968213313/31250000000000"));
  expect(odd.times(10_000n).toFixed(6)).toBe("1.033715");
  expect(String(carriedPrice(Rational.of(1n, 10n ** 30n)))).toBe(`1/${10n ** 18n}`);
  // A sender whose winners outgrew its funds: work is not free for it, and nobody pays it for asking.
  expect(String(advertisedPrice(fraction("3"), Rational.of(-1n, 1000n)))).toBe("3");
});

describe("what is charged", () => {
  let clock: TestClock;
  let quotes: Quotes;
  beforeEach(() => {
    clock = new TestClock();
    quotes = new Quotes(clock);
  });
  const told = (...prices: readonly string[]) => {
    for (const price of prices) quotes.tell(anybody, 27, "sd", fraction(price));
  };
  const charged = (expected: string) =>
    String(highestWithin(quotes.find(anybody, 27, "sd"), fraction(expected)) ?? "nothing that was told");

  test("is what was told in this session, now or before", () => {
    told("10", "10", "20");
    expect(charged("20")).toBe("20");
    expect(charged("15")).toBe("10");
    expect(charged("5")).toBe("nothing that was told");
  });

  test("is never more than was told, whatever the payer says", () => {
    told("10");
    expect(charged("1000000")).toBe("10");
  });

  test("of names that are no model's is not remembered", () => {
    quotes.tell(anybody, 27, "m".repeat(257), fraction("1"));
    expect(quotes.find(anybody, 27, "m".repeat(257))).toEqual([]);
  });

  test("is not what another model costs, nor another gateway", () => {
    quotes.tell(anybody, 27, "cheap", fraction("1"));
    quotes.tell(friend, 27, "sd", fraction("1"));
    expect(charged("1")).toBe("nothing that was told");
  });

  test("is not an old price for ever: it holds as long as the session it was told in", async () => {
    told("10");
    await clock.advance(minutes(29));
    told("20");
    expect(charged("10")).toBe("10");
    await clock.advance(minutes(2));
    expect([charged("10"), charged("20")]).toEqual(["nothing that was told", "20"]);
  });

  test("is one of the last eight prices, however often they change", () => {
    told(...Array.from({ length: 20 }, (_, index) => `${index + 1}`));
    expect([charged("12"), charged("13")]).toEqual(["nothing that was told", "13"]);
  });
});
