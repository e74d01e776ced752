import type { SchedulerOverride } from "./schedulers/scheduler.ts";

/** What a model's published id promises beyond what its files say. */
export interface ModelRule {
  /** Takes the place of the requested guidance. */
  readonly guidance?: number;
  /** Takes the place of the requested number of steps. */
  readonly steps?: number;
  readonly scheduler?: SchedulerOverride;
  /** Whether a strength that would leave no step to run is raised to one step. */
  readonly runsAtLeastOneStep?: boolean;
  /** Seconds of sound that are heard at once, where that is less than the model could. */
  readonly windowSeconds?: number;
}

interface Row {
  readonly id: { readonly is: string } | { readonly contains: readonly string[] };
  readonly rule: ModelRule;
}

const turbo = { guidance: 0, runsAtLeastOneStep: true } as const satisfies ModelRule;

const lightning = {
  guidance: 0,
  scheduler: { className: "EulerDiscreteScheduler", settings: { timestep_spacing: "trailing" } },
} as const satisfies ModelRule;

const LIGHTNING = "ByteDance/SDXL-Lightning";

/**
 * The ids that are treated in a special way, so that a seed makes the same picture as elsewhere on the network; the first
 * row that fits counts. No other code looks at an id. Source: runner-and-models 1.13.1, of which the rows on SD 3, FLUX and
 * a missing VAE are about files: the former cannot be run, and what the latter lacks is put in before the export.
 */
const rows: readonly Row[] = [
  { id: { is: "stabilityai/sd-turbo" }, rule: turbo },
  { id: { is: "stabilityai/sdxl-turbo" }, rule: turbo },
  { id: { contains: [LIGHTNING, "2step"] }, rule: { ...lightning, steps: 2 } },
  { id: { contains: [LIGHTNING, "4step"] }, rule: { ...lightning, steps: 4 } },
  { id: { contains: [LIGHTNING] }, rule: { ...lightning, steps: 8 } },
  {
    id: { contains: ["timbrooks/instruct-pix2pix"] },
    rule: { scheduler: { className: "EulerAncestralDiscreteScheduler" } },
  },
  { id: { contains: ["distil-whisper/"] }, rule: { windowSeconds: 25 } },
];

/** The rule of an id; most have none, and their files and the request are taken as they are. */
export function ruleOf(model: string): ModelRule {
  return rows.find(({ id }) => fits(id, model))?.rule ?? {};
}

function fits(id: Row["id"], model: string): boolean {
  return "is" in id ? id.is === model : id.contains.every((text) => model.includes(text));
}
