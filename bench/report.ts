import { readFileSync, writeFileSync } from "node:fs";

/** What a baseline holds: ratios of two figures of one run, which mean the same on any machine. */
export type Ratios = Readonly<Record<string, number>>;

/** Figures of one run on a shared machine differ by this much for no reason. */
const TOLERANCE = 0.3;

const baselinesFile = new URL("baselines.json", import.meta.url);
const baselines: Record<string, Ratios> = JSON.parse(readFileSync(baselinesFile, "utf8"));

/**
 * Prints a table for people on standard error, compares the ratios, and with `--json` ends with one object. With `--save`
 * the ratios become the baseline.
 */
export function report(
  name: string,
  table: readonly Readonly<Record<string, string | number>>[],
  result: object,
  ratios: Ratios,
): void {
  console.error(tableText(table));
  for (const [ratio, value] of Object.entries(ratios)) {
    const baseline = baselines[name]?.[ratio];
    const change = baseline === undefined ? "no baseline" : verdict(value / baseline);
    console.error(`${ratio}: ${value.toPrecision(3)} (${change})`);
  }
  if (process.argv.includes("--save")) {
    const rounded = Object.entries(ratios).map(([ratio, value]) => [ratio, Number(value.toPrecision(3))]);
    baselines[name] = Object.fromEntries(rounded);
    writeFileSync(baselinesFile, `${JSON.stringify(baselines, undefined, 2)}\n`);
  }
  if (process.argv.includes("--json")) console.log(JSON.stringify({ bench: name, ...result, ratios }));
}

function verdict(change: number): string {
  const percent = `${Math.round((change - 1) * 100)} % from the baseline`;
  return Math.abs(change - 1) <= TOLERANCE ? percent : `${percent}: LOOK AT THIS`;
}

/** A table for people. */
export function tableText(rows: readonly Readonly<Record<string, string | number>>[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const cell = (value: string | number | undefined) =>
    typeof value === "number" ? (Number.isInteger(value) ? `${value}` : value.toFixed(2)) : (value ?? "");
  const widths = columns.map((column) => Math.max(column.length, ...rows.map((row) => cell(row[column]).length)));
  const line = (cells: readonly string[]) => cells.map((text, i) => text.padStart(widths[i] ?? 0)).join("  ");
  return [line(columns), ...rows.map((row) => line(columns.map((column) => cell(row[column]))))].join("\n");
}
