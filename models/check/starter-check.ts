/** What the check of a starter model is, and what it tells. */
import type { Rgb8 } from "@rivulet/media";
import type { PipelineName } from "@rivulet/pipelines";

/** One measured number, with the goal it is held to. Without a goal it only informs. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** A share is told in per cent. */
  readonly unit: "share" | "dB" | "ms" | "number";
  readonly goal?: { readonly atLeast: number } | { readonly atMost: number };
}

/** A picture for the contact sheet, any size. */
export interface Tile {
  readonly picture: Rgb8;
  readonly isRight: boolean;
}

export interface CheckResult {
  readonly figures: readonly Figure[];
  readonly tiles: readonly Tile[];
  /** One line for each case that was wrong. */
  readonly wrong: readonly string[];
}

export interface CheckOptions {
  /** How many cases; left out: as many as the goals are stated for. */
  readonly cases?: number;
  /** A line or part of one for people: what is being done. */
  readonly onProgress: (text: string) => void;
  readonly signal: AbortSignal;
  /** What was said for the flags the check has of its own. */
  readonly flags?: ReadonlyMap<string, string>;
}

/**
 * How good a starter model is, through the product's own engine. A package's `check.ts` exports one as `check`, or
 * several as `checks`.
 */
export interface StarterCheck {
  readonly pipeline: PipelineName;
  /** Flags of its own, `--name VALUE`. */
  readonly flags?: readonly string[];
  run(options: CheckOptions): Promise<CheckResult>;
}

/** Whether a figure has no goal or reaches it. Not a number reaches none. */
export function isReached({ value, goal }: Figure): boolean {
  if (goal === undefined) return true;
  return "atLeast" in goal ? value >= goal.atLeast : value <= goal.atMost;
}

/** For how many of them it holds; of none, 0. */
export function share<T>(items: readonly T[], holds: (item: T) => boolean): number {
  return items.filter(holds).length / Math.max(1, items.length);
}

/** The upper of the middle values; of none, 0. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
