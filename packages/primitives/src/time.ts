import type { Branded } from "./brand.ts";

/** The only duration and instant unit inside the program. Instants count from the Unix epoch. */
export type Milliseconds = Branded<number, "Milliseconds">;

/** Makes a duration or instant. Throws `RangeError` for anything that is not a finite number. */
export function ms(value: number): Milliseconds {
  if (!Number.isFinite(value)) throw new RangeError(`milliseconds must be finite: ${value}`);
  return value as Milliseconds;
}

export function seconds(value: number): Milliseconds {
  return ms(value * 1000);
}

export function minutes(value: number): Milliseconds {
  return ms(value * 60_000);
}
