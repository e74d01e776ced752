import type { NodeProcess } from "@rivulet/node";
import { z } from "zod";
import { eventually } from "./stage.ts";

const answer = z.object({
  orchestrators: z.array(
    z.object({
      service_uri: z.string(),
      models: z.array(
        z.object({
          model: z.string(),
          warm: z.boolean(),
          free: z.number(),
          suspension: z.object({ reason: z.string() }).nullable(),
          objection: z.object({ code: z.string() }).nullable(),
        }),
      ),
    }),
  ),
});

/** A model at an orchestrator, as the gateway tells it at `/network`. */
export interface SeenModel {
  readonly orchestrator: string;
  readonly model: string;
  readonly warm: boolean;
  readonly free: number;
  readonly suspension: { readonly reason: string } | null;
  /** Why it gets no work, such as terms that could not be had yet. */
  readonly objection: { readonly code: string } | null;
}

export async function modelsOf(gateway: NodeProcess): Promise<readonly SeenModel[]> {
  const { orchestrators } = answer.parse(await (await fetch(`${gateway.address}/network`)).json());
  return orchestrators.flatMap(({ service_uri, models }) =>
    models.map((model) => ({ orchestrator: service_uri, ...model })),
  );
}

/** Waits until the gateway knows of so many offers of a model. */
export function offers(gateway: NodeProcess, count: number, model?: string): Promise<true> {
  return eventually(`${count} offers`, async () => {
    const found = (await modelsOf(gateway)).filter((each) => model === undefined || each.model === model);
    return found.length === count ? true : undefined;
  });
}

/** Waits until the gateway knows that an orchestrator has a model in memory. */
export function warmAt(gateway: NodeProcess, orchestrator: NodeProcess, model: string): Promise<true> {
  return eventually(
    `${model} warm at ${orchestrator.name}`,
    async () =>
      (await modelsOf(gateway)).some(
        (each) => each.orchestrator === orchestrator.address && each.model === model && each.warm,
      ) || undefined,
  );
}

/** Models that the gateway has suspended. */
export async function suspensions(gateway: NodeProcess): Promise<readonly SeenModel[]> {
  return (await modelsOf(gateway)).filter(({ suspension }) => suspension !== null);
}
