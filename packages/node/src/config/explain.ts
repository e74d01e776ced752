import type { FlaggedSetting } from "./flags.ts";
import { environmentName } from "./flags.ts";
import type { Configuration } from "./load.ts";
import type { Money } from "./quantities.ts";
import { Secret } from "./secrets.ts";

/** Each setting of the started roles, its value and who said it, a line each. Secrets show their reference. */
export function explain(configuration: Configuration): readonly string[] {
  const rows = configuration.known.map((setting) => {
    const path = setting.path.join(".");
    return [
      path,
      shown(valueAt(configuration.settings, setting.path)),
      configuration.sources.get(path) ?? "default",
    ] as const;
  });
  const widths = [0, 1].map((column) => Math.min(60, Math.max(0, ...rows.map((row) => row[column]?.length ?? 0))));
  return rows.map(
    ([path, value, source]) => `${path.padEnd(widths[0] ?? 0)}  ${value.padEnd(widths[1] ?? 0)}  ${source}`,
  );
}

/** What `--help` says about settings: flag, meaning, default, and the key in a config file. */
export function helpLines(known: readonly FlaggedSetting[]): readonly string[] {
  const width = Math.max(0, ...known.map((setting) => flagOf(setting).length));
  return known.map((setting) => {
    const standard = setting.standard === undefined ? "" : ` [${setting.standard}]`;
    return `  ${flagOf(setting).padEnd(width)}  ${setting.help}${standard}`;
  });
}

/** One row of the reference page. */
export function referenceRow(setting: FlaggedSetting): string {
  const cells = [
    `\`-${setting.flag}\``,
    `\`${setting.path.join(".")}\``,
    `\`${environmentName(setting.flag)}\``,
    setting.help,
    setting.standard ?? "–",
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

const PLACEHOLDER = {
  text: " VALUE",
  path: " PATH",
  "file-or-text": " FILE",
  list: " A,B,…",
  number: " N",
  switch: "",
  secret: " SECRET",
  json: " JSON",
  wei: " AMOUNT",
  seconds: " DURATION",
  endpoints: " URL,…",
} as const;

function flagOf(setting: FlaggedSetting): string {
  return `-${setting.flag}${PLACEHOLDER[setting.form]}`;
}

function valueAt(settings: object, path: readonly string[]): unknown {
  let value: unknown = settings;
  for (const key of path) value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  return value;
}

function shown(value: unknown): string {
  if (value === undefined) return "–";
  if (typeof value === "bigint") return `${value}`;
  if (isMoney(value)) return `${value.amount} ${value.currency}`;
  return typeof value === "string" || value instanceof Secret ? `${value}` : JSON.stringify(value, withBigints);
}

function isMoney(value: unknown): value is Money {
  return typeof value === "object" && value !== null && "amount" in value && "currency" in value;
}

function withBigints(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}
