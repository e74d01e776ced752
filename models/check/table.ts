import { type Figure, isReached } from "./starter-check.ts";

/** Figures as lines for people: name, value, and the goal beside it. */
export function tableOf(title: string, figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [figure.name, valueText(figure), goalText(figure)] as const);
  const [nameWidth, valueWidth] = [
    Math.max(title.length, ...rows.map(([name]) => name.length)) + 2,
    Math.max(0, ...rows.map(([, value]) => value.length)),
  ];
  const lines = rows.map(([name, value, goal]) => `  ${name.padEnd(nameWidth)}${value.padStart(valueWidth)}  ${goal}`);
  return [title, ...lines.map((line) => line.trimEnd())].join("\n");
}

function valueText({ value, unit }: Figure): string {
  if (unit === "share") return `${(100 * value).toFixed(1)} %`;
  if (unit === "ms") return `${Math.round(value)} ms`;
  if (unit === "dB") return `${value.toFixed(2)} dB`;
  return Number.isInteger(value) ? `${value}` : value.toFixed(3);
}

function goalText(figure: Figure): string {
  const { goal, unit } = figure;
  if (goal === undefined) return "";
  const [sign, value] = "atLeast" in goal ? ["≥", goal.atLeast] : ["≤", goal.atMost];
  const bound = { name: "", unit, value };
  return `${isReached(figure) ? "reaches" : "MISSES "} ${sign} ${valueText(bound)}`;
}
