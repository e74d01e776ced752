import { isError, Rational } from "@rivulet/primitives";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { flaggedSettings, parseFlags } from "./flags.ts";
import { type Configuration, loadConfiguration } from "./load.ts";
import type { WrittenPrice } from "./prices.ts";
import { findDecimal, findMoney, findWei, findWork } from "./quantities.ts";
import { documentSchema, type Role, sectionsOf } from "./schema.ts";

const GATEWAY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/** The configuration of a command line, in a world with these files. */
function configurationOf(argv: readonly string[], role: Role, files: Record<string, string> = {}): Configuration {
  const world = {
    env: {},
    resolvePath: (path: string) => (path.startsWith("/") ? path : `/home/op/${path}`),
    readText: (path: string) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error("no such file"), { code: "ENOENT" });
      return text;
    },
  };
  const flags = parseFlags(argv, flaggedSettings(documentSchema(world), sectionsOf([role])), world);
  const file = flags.config === undefined ? {} : { file: flags.config };
  return loadConfiguration({ roles: [role], flags: flags.values, flagProblems: flags.problems, ...file }, world);
}

function problemsOf(work: () => unknown): readonly { path: string; message: string }[] {
  try {
    work();
  } catch (error) {
    if (isError(error, "config.invalid")) return error.facts.problems;
    throw error;
  }
  throw new Error("it was accepted");
}

function shown(rows: readonly WrittenPrice[]): readonly string[] {
  return rows.map(
    ({ pipeline, model, gateway, perUnit }) =>
      `${pipeline} ${model} ${gateway.slice(0, 7)} ${perUnit.amount} ${perUnit.currency}`,
  );
}

describe("amounts", () => {
  test("of money are exact and have their currency", () => {
    expect(["0.3 gwei", "5wei", "0.00001 ETH"].map(findWei)).toEqual([300_000_000n, 5n, 10_000_000_000_000n]);
    expect(["5", "0.5 wei", "1 USD", "-1 wei", ""].map(findWei)).toEqual(Array(5).fill(undefined));
    expect(findMoney("0.0000035 USD")).toEqual({ amount: Rational.of(35n, 10_000_000n), currency: "USD" });
    expect(findMoney("120 gwei")).toEqual({ amount: Rational.of(120_000_000_000n), currency: "WEI" });
  });

  test("of work are in the unit of the pipeline, or none", () => {
    expect(findWork("1 Mpx", "pixel")).toEqual({ unit: "pixel", amount: 1_000_000n });
    expect(findWork("1000 tokens", "token")).toEqual({ unit: "token", amount: 1000n });
    expect(findWork("1.5 min", "audio-ms")).toEqual({ unit: "audio-ms", amount: 90_000n });
    expect(findWork("1 character", "millicharacter")).toEqual({ unit: "millicharacter", amount: 1000n });
    for (const text of ["1 Mpx", "0 tokens", "0.5 token", "tokens"]) expect(findWork(text, "token")).toBeUndefined();
  });

  test("of any text are an exact number or none", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.integer({ min: 0, max: 20 }), (digits, point) => {
        expect(findDecimal(`${digits}e-${point}`)?.compare(Rational.of(digits, 10n ** BigInt(point)))).toBe(0);
      }),
    );
  });
});

describe("what an orchestrator asks", () => {
  const asked = (argv: readonly string[], files: Record<string, string> = {}) =>
    configurationOf(argv, "orchestrator", files).prices.orchestrator;

  test("stands in its models, in wei and in other currencies, for all gateways and for one", () => {
    const models = JSON.stringify([
      { pipeline: "text-to-image", model_id: "a", price_per_unit: "0.5e-2USD", pixels_per_unit: 1000 },
      { pipeline: "text-to-image", model_id: "a", price_per_unit: 7, gateway: GATEWAY },
      { pipeline: "llm", model_id: "b", price_per_unit: "0.08", currency: "usd", pixels_per_unit: 1_000_000 },
      { pipeline: "upscale", model_id: "c" },
    ]);
    const { rows } = asked([`-aiModels=${models}`, "-pricePerUnit=30", "-pixelsPerUnit=2"]);
    expect(shown(rows)).toEqual([
      "text-to-image a default 1/200000 USD",
      "text-to-image a 0x70997 7/2 WEI",
      "llm b default 1/12500000 USD",
      "upscale c default 15 WEI",
    ]);
  });

  test("stands in the config file for an amount of work, which is the pipeline's, and comes first", () => {
    const rows = `
orchestrator:
  aiModels: '[{"pipeline":"text-to-image","model_id":"a","price_per_unit":1}]'
  prices:
    - { pipeline: text-to-image, price: 0.0000035 USD, per: 1 Mpx }
    - { pipeline: text-to-image, model: a, price: 2 gwei, per: 1 kpx }
    - { pipeline: llm, model: b, price: 120 gwei, per: 1000 tokens }
`;
    expect(shown(asked(["-config", "r.yaml"], { "/home/op/r.yaml": rows }).rows)).toEqual([
      "text-to-image default default 7/2000000000000 USD",
      "text-to-image a default 2000000 WEI",
      "llm b default 120000000 WEI",
    ]);
    const wrong =
      "orchestrator: {prices: [{pipeline: llm, price: 1 wei, per: 1 Mpx}, {pipeline: lm, price: 1, per: x}]}";
    const problems = problemsOf(() => asked(["-config", "r.yaml"], { "/home/op/r.yaml": wrong }));
    expect(problems.map(({ path }) => path)).toEqual(["orchestrator.prices.1.price"]);
    const unit = "orchestrator: {prices: [{pipeline: llm, price: 1 wei, per: 1 Mpx}]}";
    expect(problemsOf(() => asked(["-config", "r.yaml"], { "/home/op/r.yaml": unit }))[0]?.message).toContain("tokens");
  });

  test("may differ for single gateways", () => {
    const table = { gateways: [{ ethaddress: GATEWAY, priceperunit: 0.5, currency: "USD", pixelsperunit: 1e12 }] };
    const { base } = asked(["-pricePerUnit=1000", `-pricePerGateway=${JSON.stringify(table)}`]);
    expect([...base].map(([gateway, { amount, currency }]) => `${gateway.slice(0, 7)} ${amount} ${currency}`)).toEqual([
      "default 1000 WEI",
      "0x70997 1/2000000000000 USD",
    ]);
    const older = JSON.stringify({ broadcasters: table.gateways });
    expect(asked([`-pricePerGateway=${older}`]).base.size).toBe(1);
    const wrong = JSON.stringify({ gateways: [{ ...table.gateways[0], ethaddress: "0x1" }] });
    expect(problemsOf(() => asked([`-pricePerGateway=${wrong}`]))[0]?.path).toContain("ethaddress");
  });
});

describe("what a gateway pays at most", () => {
  const limits = (...argv: readonly string[]) => configurationOf(argv, "gateway").prices.gateway;

  test("is one price for everything, any price at 0, and rows by pipeline and model", () => {
    expect(limits("-maxPricePerUnit=0").everything).toBeUndefined();
    expect(limits("-maxPricePerUnit=0.5USD", "-pixelsPerUnit=1e3").everything).toEqual({
      amount: Rational.of(1n, 2000n),
      currency: "USD",
    });
    const table = {
      capabilities_prices: [
        { pipeline: "llm", price_per_unit: 0.08, pixels_per_unit: 1_000_000, currency: "USD" },
        { pipeline: "upscale", model_id: "m", price_per_unit: 4768371 },
        { pipeline: "text-to-image" },
      ],
    };
    expect(shown(limits("-maxPricePerUnit=9", `-maxPricePerCapability=${JSON.stringify(table)}`).rows)).toEqual([
      "llm default default 1/12500000 USD",
      "upscale m default 4768371 WEI",
      "text-to-image default default 9 WEI",
    ]);
  });

  test("in a table of unknown pipelines or odd numbers is a problem", () => {
    const problems = problemsOf(() =>
      limits(
        '-maxPricePerCapability={"capabilities_prices":[{"pipeline":"lm"},{"pipeline":"llm","price_per_unit":"x"}]}',
      ),
    );
    expect(problems).toHaveLength(2);
    expect(problems[0]?.message).toContain("llm");
  });

  test("of any table is read or one of our errors", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        try {
          limits(`-maxPricePerCapability=${text}`);
        } catch (error) {
          expect(isError(error, "config.invalid")).toBe(true);
        }
      }),
    );
  });
});
