import type { Milliseconds, Work } from "@rivulet/primitives";

/** Seconds a unit of work. Source: nodes-and-operations 3.9. */
export function secondsPerUnit(took: Milliseconds, work: Work): number {
  return took / 1000 / atLeastOne(Number(work.amount));
}

/** Seconds a pixel and denoising step: the form all diffusion pipelines share. */
export function secondsPerPixelStep(
  took: Milliseconds,
  work: Work,
  request: { readonly model_id: string; readonly num_inference_steps: number },
): number {
  return secondsPerUnit(took, work) / atLeastOne(stepsTaken(request));
}

const LIGHTNING = "ByteDance/SDXL-Lightning";

/** Lightning models run the steps their id names, 8 when it names none, whatever the request says. */
function stepsTaken(request: { readonly model_id: string; readonly num_inference_steps: number }): number {
  if (!request.model_id.includes(LIGHTNING)) return request.num_inference_steps;
  return Number(/_(\d{1,4})step/.exec(request.model_id)?.[1] ?? 8);
}

function atLeastOne(value: number): number {
  return Math.max(1, value);
}
