import type { NoiseConfig } from "./config.ts";

/** `steps` training timesteps, noisiest first, as the configuration spaces them. Source: runner-and-models 7.6.2. */
export function spacedTimesteps(config: NoiseConfig, steps: number): number[] {
  const total = config.trainTimesteps;
  switch (config.spacing) {
    case "linspace":
      return linspace(total, steps);
    case "leading": {
      const ratio = Math.floor(total / steps);
      return descending(steps, (i) => i * ratio + config.stepsOffset);
    }
    case "trailing":
      return Array.from({ length: steps }, (_, i) => roundHalfToEven(total - i * (total / steps)) - 1);
  }
}

/** The same for methods that space one step more and leave out the last. */
export function spacedTimestepsBeforeLast(config: NoiseConfig, steps: number): number[] {
  const total = config.trainTimesteps;
  switch (config.spacing) {
    case "linspace":
      return linspace(total, steps + 1).slice(0, steps);
    case "leading": {
      const ratio = Math.floor(total / (steps + 1));
      return descending(steps, (i) => (i + 1) * ratio + config.stepsOffset);
    }
    case "trailing":
      return spacedTimesteps(config, steps);
  }
}

/** To the nearest whole number, and from the middle to the even one, as the reference's array library rounds. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

// Multiples of a stride that was divided first, as the reference's array library computes them: where a point falls on the
// middle between two whole numbers, the last bit decides which of them it becomes.
function linspace(total: number, points: number): number[] {
  const stride = points === 1 ? 0 : (total - 1) / (points - 1);
  return descending(points, (i) => i * stride);
}

function descending(count: number, value: (index: number) => number): number[] {
  return Array.from({ length: count }, (_, i) => value(count - 1 - i));
}
