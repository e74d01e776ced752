import { type Address, address } from "@rivulet/crypto";
import { findPipeline, isPipelineName, type PipelineName, pipelineNames } from "@rivulet/pipelines";
import { Rational } from "@rivulet/primitives";
import { z } from "zod";
import type { ConfigProblem, ConfiguredModel } from "./ai-models.ts";
import { suggestion } from "./nearest.ts";
import { exactJson, findDecimal, findWork, type Money, workNames } from "./quantities.ts";
import { findText, type Surroundings } from "./secrets.ts";

/** Stands for all models of a pipeline, and for all gateways. */
export const DEFAULT = "default";

/** A price as it was written: for one unit of work, in its currency. */
export interface WrittenPrice {
  readonly pipeline: PipelineName;
  /** A model, or `default` for those of the pipeline without a row. */
  readonly model: string;
  /** Whom the row is for, or `default`. */
  readonly gateway: Address | typeof DEFAULT;
  readonly perUnit: Money;
}

/** What an orchestrator asks, as it was written. */
export interface AskedPrices {
  readonly rows: readonly WrittenPrice[];
  /** For work without a row, by gateway or `default`. */
  readonly base: ReadonlyMap<Address | typeof DEFAULT, Money>;
}

/** The most a payer pays for a unit, as it was written. */
export interface PriceLimits {
  readonly rows: readonly WrittenPrice[];
  /** Of work without a row. Absent: any price. */
  readonly everything?: Money;
}

/** A row of `prices` in a document. */
interface PriceEntry {
  readonly pipeline: string;
  readonly model: string;
  readonly price: Money;
  readonly per: string;
  readonly gateway?: Address | undefined;
}

interface AskedSettings {
  readonly price?: Money | undefined;
  readonly priceUnits: bigint;
  readonly prices: readonly PriceEntry[];
  readonly gatewayPrices?: string | undefined;
}

/**
 * Everything that says what an orchestrator asks: rows of the document, prices of its models, prices for single gateways,
 * and the price of all else. A row of the document comes before what aiModels says of the same model.
 */
export function askedPrices(
  settings: AskedSettings,
  models: readonly ConfiguredModel[],
  surroundings: Surroundings,
  problems: ConfigProblem[],
): AskedPrices {
  const base = new Map<Address | typeof DEFAULT, Money>();
  const general = settings.price === undefined ? undefined : per(settings.price, settings.priceUnits);
  if (general !== undefined && general.amount.numerator > 0n) base.set(DEFAULT, general);
  const written = settings.prices.flatMap((entry, index) =>
    documentPrice(entry, `orchestrator.prices[${index}]`, problems),
  );
  if (settings.gatewayPrices !== undefined)
    for (const [gateway, price] of gatewayPrices(settings.gatewayPrices, surroundings, problems))
      base.set(gateway, price);
  const ofModels = models.flatMap((model) => modelPrices(model, base, settings.priceUnits, problems));
  const known = new Set(written.map(keyOf));
  return { rows: [...written, ...ofModels.filter((row) => !known.has(keyOf(row)))], base };
}

interface LimitSettings {
  readonly maxPrice?: Money | undefined;
  readonly priceUnits: bigint;
  readonly maxPrices: readonly PriceEntry[];
  readonly maxPriceTable?: string | undefined;
}

/** The most a payer pays: rows of the document, those of `-maxPricePerCapability`, and what holds for all else. */
export function priceLimits(
  section: string,
  settings: LimitSettings,
  surroundings: Surroundings,
  problems: ConfigProblem[],
): PriceLimits {
  const written = settings.maxPrices.flatMap((entry, index) =>
    documentPrice(entry, `${section}.maxPrices[${index}]`, problems),
  );
  const general = settings.maxPrice === undefined ? undefined : per(settings.maxPrice, settings.priceUnits);
  const everything = general === undefined || general.amount.numerator === 0n ? undefined : general;
  const known = new Set(written.map(keyOf));
  const tabled =
    settings.maxPriceTable === undefined
      ? []
      : limitTable(settings.maxPriceTable, everything, settings.priceUnits, surroundings, problems);
  return {
    rows: [...written, ...tabled.filter((row) => !known.has(keyOf(row)))],
    ...(everything === undefined ? {} : { everything }),
  };
}

/** Currencies that some price is written in, besides wei. */
export function currenciesOf({ rows, base, everything }: Partial<AskedPrices & PriceLimits>): ReadonlySet<string> {
  const all = [...(rows ?? []).map(({ perUnit }) => perUnit), ...(base?.values() ?? []), everything];
  return new Set(all.flatMap((money) => (money === undefined || money.currency === "WEI" ? [] : [money.currency])));
}

function documentPrice(entry: PriceEntry, path: string, problems: ConfigProblem[]): readonly WrittenPrice[] {
  const pipeline = pipelineOf(entry.pipeline, `${path}.pipeline`, problems);
  if (pipeline === undefined) return [];
  const unit = findPipeline(pipeline)?.unit ?? "pixel";
  const work = findWork(entry.per, unit);
  if (work === undefined) {
    const message = `"${entry.per}" is not an amount of ${pipeline}: a number and one of ${workNames(unit).join(", ")}`;
    problems.push({ path: `${path}.per`, message });
    return [];
  }
  return [{ pipeline, model: entry.model, gateway: entry.gateway ?? DEFAULT, perUnit: per(entry.price, work.amount) }];
}

/** The rows of a model: its own, or else the price of all else. */
function modelPrices(
  { pipeline, model, prices }: ConfiguredModel,
  base: ReadonlyMap<string, Money>,
  units: bigint,
  problems: ConfigProblem[],
): readonly WrittenPrice[] {
  const general = base.get(DEFAULT);
  if (prices.length === 0)
    return general === undefined ? [] : [{ pipeline, model, gateway: DEFAULT, perUnit: general }];
  return prices.flatMap(({ gateway, perUnit, currency, saidUnits }) => {
    const money = { amount: saidUnits ? perUnit : perUnit.times(Rational.of(1n, units)), currency };
    const buyer = gateway === DEFAULT ? DEFAULT : accountOf(gateway, `${pipeline} with ${model}: gateway`, problems);
    return buyer === undefined ? [] : [{ pipeline, model, gateway: buyer, perUnit: inWei(money) }];
  });
}

const number = z.union([z.string(), z.object({ written: z.string() }).transform(({ written }) => written)]);

const gatewayTable = z.object({
  gateways: z
    .array(
      z.object({
        ethaddress: z.string(),
        priceperunit: number,
        currency: z.string().optional(),
        pixelsperunit: number,
      }),
    )
    .max(10_000),
});

/** `{"gateways":[{"ethaddress","priceperunit","currency","pixelsperunit"}]}`. Source: payments 13.7. */
function gatewayPrices(
  source: string,
  surroundings: Surroundings,
  problems: ConfigProblem[],
): readonly (readonly [Address, Money])[] {
  const content = exactJson(textOf(source, surroundings));
  const renamed =
    isRecord(content) && !("gateways" in content) && "broadcasters" in content
      ? { gateways: content["broadcasters"] }
      : content;
  const parsed = gatewayTable.safeParse(renamed);
  if (!parsed.success) {
    for (const issue of parsed.error.issues)
      problems.push({ path: ["orchestrator.gatewayPrices", ...issue.path].join("."), message: issue.message });
    return [];
  }
  return parsed.data.gateways.flatMap(({ ethaddress, priceperunit, currency, pixelsperunit }, index) => {
    const path = `orchestrator.gatewayPrices.gateways.${index}`;
    const gateway = accountOf(ethaddress, `${path}.ethaddress`, problems);
    const price = tablePrice(priceperunit, currency, pixelsperunit, path, problems);
    return gateway === undefined || price === undefined ? [] : [[gateway, price] as const];
  });
}

const limits = z.object({
  capabilities_prices: z
    .array(
      z.object({
        pipeline: z.string(),
        model_id: z.string().min(1).default(DEFAULT),
        price_per_unit: number.optional(),
        pixels_per_unit: number.optional(),
        currency: z.string().optional(),
      }),
    )
    .max(10_000),
});

/** `{"capabilities_prices":[…]}`. A row without a price stands for the price of all else. Source: payments 13.7. */
function limitTable(
  source: string,
  everything: Money | undefined,
  units: bigint,
  surroundings: Surroundings,
  problems: ConfigProblem[],
): readonly WrittenPrice[] {
  const parsed = limits.safeParse(exactJson(textOf(source, surroundings)));
  if (!parsed.success) {
    for (const issue of parsed.error.issues)
      problems.push({ path: ["-maxPricePerCapability", ...issue.path].join("."), message: issue.message });
    return [];
  }
  return parsed.data.capabilities_prices.flatMap((row, index) => {
    const path = `-maxPricePerCapability.capabilities_prices.${index}`;
    const pipeline = pipelineOf(row.pipeline, `${path}.pipeline`, problems);
    const price =
      row.price_per_unit === undefined
        ? everything
        : tablePrice(row.price_per_unit, row.currency, row.pixels_per_unit ?? `${units}`, path, problems);
    if (pipeline === undefined || price === undefined || price.amount.numerator === 0n) return [];
    return [{ pipeline, model: row.model_id, gateway: DEFAULT, perUnit: price }];
  });
}

function tablePrice(
  price: string,
  currency: string | undefined,
  units: string,
  path: string,
  problems: ConfigProblem[],
): Money | undefined {
  const [, digits = "", inside] = /^\s*([\d.eE+-]+?)\s*([A-Za-z][A-Za-z0-9]{0,15})?\s*$/.exec(price) ?? [];
  const amount = findDecimal(digits);
  const count = findDecimal(units);
  if (amount === undefined) problems.push({ path, message: `"${price}" is not a price: a number of 0 or more` });
  else if (count === undefined || count.denominator !== 1n || count.numerator < 1n)
    problems.push({ path, message: `"${units}" is not a whole number of units` });
  else return per(inWei({ amount, currency: (currency || inside || "wei").toUpperCase() }), count.numerator);
  return undefined;
}

function pipelineOf(name: string, path: string, problems: ConfigProblem[]): PipelineName | undefined {
  if (isPipelineName(name)) return name;
  problems.push({ path, message: `no pipeline is called "${name}"${suggestion(name, pipelineNames)}` });
  return undefined;
}

function accountOf(text: string, path: string, problems: ConfigProblem[]): Address | undefined {
  try {
    return address(text);
  } catch {
    problems.push({ path, message: `"${text}" is not an account: write 0x and 40 hex digits` });
    return undefined;
  }
}

/** Ethers are told in wei from here on. */
function inWei({ amount, currency }: Money): Money {
  if (currency === "ETH") return { amount: amount.times(10n ** 18n), currency: "WEI" };
  return currency === "GWEI" ? { amount: amount.times(10n ** 9n), currency: "WEI" } : { amount, currency };
}

function per({ amount, currency }: Money, units: bigint): Money {
  return { amount: amount.times(Rational.of(1n, units)), currency };
}

function keyOf({ pipeline, model, gateway }: WrittenPrice): string {
  return `${pipeline} ${model} ${gateway}`;
}

function textOf(source: string, surroundings: Surroundings): string {
  return /^\s*[[{]/.test(source) ? source : (findText(source, surroundings) ?? source);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
