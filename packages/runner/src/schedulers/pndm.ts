import type { ModelSettings } from "../model-settings.ts";
import { noiseConfig } from "./config.ts";
import { signalTable } from "./noise-table.ts";
import { sharesOf, variancePreserving } from "./prediction.ts";
import { at, type Denoising, mix, type Schedule, type Term } from "./schedule.ts";
import type { Scheduler } from "./scheduler.ts";
import { roundHalfToEven, spacedTimesteps } from "./spacing.ts";

/** Answers a step looks back on, the newest included. */
const DEPTH = 4;

/** Weights of the newest answer and the ones before it, by how many there are (Adams–Bashforth). */
const weightsByCount: readonly (readonly number[])[] = [
  [],
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

/**
 * The linear multistep method of Liu et al. 2022, without its Runge–Kutta start: instead the first step is made twice, the
 * second time with the mean of both answers. Source: runner-and-models 7.6.6.
 */
export function pndmScheduler(settings: ModelSettings): Scheduler {
  if (!settings.boolean("skip_prk_steps", false)) throw new RangeError("scheduler setting skip_prk_steps must be true");
  const config = noiseConfig(settings, { spacing: "leading" });
  if (config.predictionType === "sample") throw new RangeError("this scheduler does not take prediction_type sample");
  const signal = signalTable(config);
  const finalSignal = settings.boolean("set_alpha_to_one", false) ? 1 : at(signal, 0);
  const powerAt = (timestep: number) => (timestep < 0 ? finalSignal : at(signal, timestep));
  return {
    plan: (steps): Schedule => {
      const spaced = spacedTimesteps(config, steps).map(roundHalfToEven);
      const timesteps = [...spaced.slice(0, 1), ...spaced.slice(1, 2), ...spaced.slice(1)];
      const stride = Math.floor(config.trainTimesteps / steps);
      const move = (sample: Float32Array, answer: Float32Array, from: number, to: number) => {
        const here = powerAt(from);
        const next = powerAt(to);
        const shares = sharesOf(here);
        const noise =
          config.predictionType === "epsilon" ? answer : mix([shares.signal, answer], [shares.noise, sample]);
        const weight = (next - here) / (here * Math.sqrt(1 - next) + Math.sqrt(here * (1 - here) * next));
        return mix([Math.sqrt(next / here), sample], [-weight, noise]);
      };
      return {
        ...variancePreserving(timesteps, (index) => sharesOf(at(signal, at(timesteps, index)))),
        takesNoise: () => false,
        step: (denoising, output) => {
          const timestep = at(timesteps, denoising.index);
          const { anchor } = denoising;
          if (denoising.done === 1 && anchor !== undefined) {
            const answer = combined([output, ...denoising.history], [1 / 2, 1 / 2]);
            const sample = move(anchor, answer, timestep + stride, timestep);
            return next(denoising, sample, denoising.history);
          }
          const history = [...denoising.history, output].slice(-DEPTH);
          const answer = combined(history.toReversed(), weightsByCount[history.length] ?? []);
          const moved = next(denoising, move(denoising.sample, answer, timestep, timestep - stride), history);
          return denoising.done === 0 ? { ...moved, anchor: denoising.sample } : moved;
        },
      };
    },
  };
}

function next(denoising: Denoising, sample: Float32Array, history: readonly Float32Array[]): Denoising {
  return { index: denoising.index + 1, done: denoising.done + 1, sample, history };
}

/** The weighted sum of up to four answers, newest first. */
function combined(answers: readonly Float32Array[], weights: readonly number[]): Float32Array {
  const [first, second, ...rest] = answers.map((answer, i): Term => [weights[i] ?? 0, answer]);
  if (first === undefined) throw new RangeError("there is no answer to combine");
  if (second === undefined) return first[1];
  return rest.reduce((sum, term) => mix([1, sum], term), mix(first, second));
}
