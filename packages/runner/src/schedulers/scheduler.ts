import type { ModelSettings } from "../model-settings.ts";
import { ddimScheduler } from "./ddim.ts";
import { dpmSolverScheduler } from "./dpm-solver.ts";
import { eulerScheduler } from "./euler.ts";
import { eulerAncestralScheduler } from "./euler-ancestral.ts";
import { lcmScheduler } from "./lcm.ts";
import { pndmScheduler } from "./pndm.ts";
import type { Schedule } from "./schedule.ts";

export interface PlanOptions {
  /** How much of a given picture is made anew, 0 to 1: looked at by methods whose plan depends on it. */
  readonly strength?: number;
}

/** A denoising method with a model's configuration. */
export interface Scheduler {
  /** The plan for `steps` steps. Throws "request.rejected-by-model" when the method cannot make that many. */
  plan(steps: number, options?: PlanOptions): Schedule;
}

/** Every method, by the class name that `scheduler_config.json` gives it. */
export const schedulers = {
  EulerDiscreteScheduler: eulerScheduler,
  EulerAncestralDiscreteScheduler: eulerAncestralScheduler,
  DDIMScheduler: ddimScheduler,
  PNDMScheduler: pndmScheduler,
  LCMScheduler: lcmScheduler,
  DPMSolverMultistepScheduler: dpmSolverScheduler,
} as const satisfies Record<string, (settings: ModelSettings) => Scheduler>;

export type SchedulerClass = keyof typeof schedulers;

/** Another method than a model's own, and settings laid over the model's. All other settings carry over. */
export interface SchedulerOverride {
  readonly className: SchedulerClass;
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** The method of a `scheduler_config.json`. Throws `RangeError` for a class or setting that is not supported. */
export function schedulerOf(settings: ModelSettings, override?: SchedulerOverride): Scheduler {
  const className =
    override?.className ?? settings.choice("_class_name", Object.keys(schedulers) as SchedulerClass[], "PNDMScheduler");
  return schedulers[className](settings.with(override?.settings ?? {}));
}
