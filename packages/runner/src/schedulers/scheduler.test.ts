import { describe, expect, test } from "vitest";
import { distance, vectors } from "../../test/vectors.ts";
import { ModelSettings } from "../model-settings.ts";
import { ancestralSigmas } from "./euler-ancestral.ts";
import type { Schedule } from "./schedule.ts";
import { schedulerOf } from "./scheduler.ts";
import { roundHalfToEven } from "./spacing.ts";

interface Case<Expected> {
  readonly name: string;
  readonly input: {
    readonly config: Readonly<Record<string, unknown>>;
    readonly steps: number;
    readonly strength?: number;
  };
  readonly expected: Expected;
  readonly index?: number;
  readonly timestepScale?: number;
}

interface Tables {
  readonly timesteps?: readonly number[];
  readonly sigmas?: readonly number[];
  readonly initNoiseSigma?: number;
  readonly sample?: readonly number[];
  readonly ancestral?: readonly [number, number][];
}

const START = Float32Array.of(1, -0.5, 0.25, 2);
const NOISE = Float32Array.of(0.1, 0.2, -0.3, 0.4);

function planOf({ input }: Case<unknown>): Schedule {
  const { strength } = input;
  return schedulerOf(new ModelSettings(input.config)).plan(input.steps, strength === undefined ? {} : { strength });
}

/** Noise over signal at an evaluation, read off what is added to a sample. */
function sigmaAt(plan: Schedule, index: number): number {
  const [noise = Number.NaN] = plan.addNoise(Float32Array.of(0), Float32Array.of(1), index);
  const [signal = Number.NaN] = plan.addNoise(Float32Array.of(1), Float32Array.of(0), index);
  return noise / signal;
}

/** The last sample when the model is 0.3 · input + 0.1 · timestep · `timestepScale`. */
function run(plan: Schedule, timestepScale: number, noise: (draw: number) => Float32Array): Float32Array {
  let draws = 0;
  let at = plan.begin(START.map((value) => value * plan.initNoiseSigma));
  for (const timestep of plan.timesteps) {
    const output = plan.scaleInput(at).map((value) => 0.3 * value + 0.1 * timestep * timestepScale);
    at = plan.step(at, output, plan.takesNoise(at.index) ? noise(++draws) : undefined);
  }
  return at.sample;
}

describe("plans have the golden tables:", () => {
  const { tolerance, cases } = vectors<Case<Tables>>("scheduler-tables");
  test.each(cases)("$name", (golden) => {
    const plan = planOf(golden);
    const { timesteps, sigmas, initNoiseSigma, ancestral } = golden.expected;
    if (timesteps !== undefined) expect(plan.timesteps).toEqual(timesteps);
    const levels = plan.timesteps.map((_, index) => sigmaAt(plan, index));
    if (sigmas !== undefined) expect(distance(levels, sigmas)).toBeLessThan(tolerance);
    if (initNoiseSigma !== undefined) expect(distance([plan.initNoiseSigma], [initNoiseSigma])).toBeLessThan(tolerance);
    ancestral?.forEach(([up, down], index) => {
      const step = ancestralSigmas(levels[index] ?? 0, levels[index + 1] ?? 0);
      expect(distance([step.up, step.down], [up, down])).toBeLessThan(tolerance);
    });
  });
});

describe("steps end at the golden samples:", () => {
  const { tolerance, cases } = vectors<Case<Tables>>("scheduler-steps");
  test.each(cases)("$name", (golden) => {
    const sample = run(planOf(golden), golden.timestepScale ?? 0.001, () => NOISE);
    expect(distance(sample, golden.expected.sample ?? [])).toBeLessThan(tolerance);
  });
});

describe("noise is added as in the golden samples:", () => {
  const { tolerance, cases } = vectors<Case<Tables>>("scheduler-noise");
  test.each(cases)("$name", (golden) => {
    const sample = planOf(golden).addNoise(START, NOISE, golden.index ?? 0);
    expect(distance(sample, golden.expected.sample ?? [])).toBeLessThan(tolerance);
  });
});

describe("the reference agrees:", () => {
  const { tolerance, cases } =
    vectors<Case<Required<Pick<Tables, "timesteps" | "sample" | "initNoiseSigma">>>>("scheduler-matrix");
  test.each(cases)("$name", (golden) => {
    const plan = planOf(golden);
    expect(distance(plan.timesteps, golden.expected.timesteps)).toBeLessThan(tolerance);
    expect(distance([plan.initNoiseSigma], [golden.expected.initNoiseSigma])).toBeLessThan(tolerance);
    const sample = run(plan, 0.001, (draw) => NOISE.map((value) => value * (1 + draw / 10)));
    expect(distance(sample, golden.expected.sample)).toBeLessThan(tolerance);
  });
});

describe("a scheduler", () => {
  const settings = new ModelSettings({
    _class_name: "PNDMScheduler",
    beta_start: 0.00085,
    beta_end: 0.012,
    beta_schedule: "scaled_linear",
    skip_prk_steps: true,
    timestep_spacing: "leading",
    steps_offset: 1,
  });

  test("never changes what it is given", () => {
    for (const className of ["PNDMScheduler", "LCMScheduler", "DPMSolverMultistepScheduler"] as const) {
      const plan = schedulerOf(settings, { className }).plan(4);
      const start = START.slice();
      const output = START.map((value) => value / 3);
      const begun = plan.begin(start);
      const once = plan.step(begun, output, NOISE);
      expect(plan.step(begun, output, NOISE)).toEqual(once);
      expect(start).toEqual(START);
    }
  });

  test("may be another than the model's own, with the model's settings and some laid over them", () => {
    const override = { className: "EulerDiscreteScheduler", settings: { timestep_spacing: "trailing" } } as const;
    expect(schedulerOf(settings, override).plan(2).timesteps).toEqual([999, 499]);
    expect(schedulerOf(settings, { className: "DDIMScheduler" }).plan(2).timesteps).toEqual([501, 1]);
  });

  test("refuses classes and settings it would have to ignore", () => {
    for (const refused of [
      { _class_name: "UniPCMultistepScheduler" },
      { _class_name: "PNDMScheduler" },
      { _class_name: "DPMSolverMultistepScheduler", algorithm_type: "sde-dpmsolver++" },
      { _class_name: "DPMSolverMultistepScheduler", solver_order: 3 },
      { _class_name: "DDIMScheduler", thresholding: true },
      { _class_name: "EulerDiscreteScheduler", prediction_type: "flow" },
      { _class_name: "EulerDiscreteScheduler", beta_start: "0.1" },
      { _class_name: "EulerDiscreteScheduler", trained_betas: [0.1, 0.2] },
    ])
      expect(() => schedulerOf(new ModelSettings(refused))).toThrow(RangeError);
  });

  test("of a consistency model says how many steps it takes", () => {
    const lcm = schedulerOf(new ModelSettings({ _class_name: "LCMScheduler" }));
    expect(() => lcm.plan(51)).toThrow(
      expect.objectContaining({
        code: "request.rejected-by-model",
        facts: { field: "num_inference_steps", reason: "this model takes at most 50 steps" },
      }),
    );
    expect(lcm.plan(50).timesteps).toHaveLength(50);
  });

  test("with no signal left at the end of training still begins at a finite level", () => {
    const plan = schedulerOf(settings.with({ rescale_betas_zero_snr: true, timestep_spacing: "trailing" }), {
      className: "EulerDiscreteScheduler",
    }).plan(1);
    expect(plan.initNoiseSigma).toBeCloseTo(4096, 1);
  });
});

describe("a model that always knows the clean sample leads there", () => {
  const base = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: "scaled_linear", clip_sample: false };
  test.each(
    (
      [
        "EulerDiscreteScheduler",
        "EulerAncestralDiscreteScheduler",
        "DDIMScheduler",
        "LCMScheduler",
        "DPMSolverMultistepScheduler",
      ] as const
    ).flatMap((className) =>
      (["leading", "trailing", "linspace"] as const).flatMap((spacing) =>
        (["epsilon", "v_prediction", "sample"] as const).map((prediction) => ({ className, spacing, prediction })),
      ),
    ),
  )("$className, $spacing, $prediction", ({ className, spacing, prediction }) => {
    const settings = new ModelSettings({
      ...base,
      timestep_spacing: spacing,
      prediction_type: prediction,
      steps_offset: 1,
    });
    const plan = schedulerOf(settings, { className }).plan(9);
    const scale = className.startsWith("Euler");
    let at = plan.begin(NOISE.map((value) => value * plan.initNoiseSigma));
    for (const index of plan.timesteps.keys()) {
      const sigma = sigmaAt(plan, index);
      const signal = 1 / Math.sqrt(sigma ** 2 + 1);
      // The sample with unit power, of which the clean sample and the noise are known shares.
      const sample = scale ? plan.scaleInput(at) : at.sample;
      const noise = sample.map((value, i) => (value - signal * (START[i] ?? 0)) / (sigma * signal));
      const output = {
        epsilon: noise,
        v_prediction: noise.map((value, i) => signal * value - sigma * signal * (START[i] ?? 0)),
        sample: START,
      }[prediction];
      at = plan.step(at, output, plan.takesNoise(index) ? NOISE : undefined);
    }
    expect(distance(at.sample, START)).toBeLessThan(1e-3);
  });
});

test("halves round to the even neighbour", () => {
  expect([812.5, 437.5, 0.5, 1.5, -0.5, 2.4999].map(roundHalfToEven)).toEqual([812, 438, 0, 2, 0, 2]);
});
