import type { NodeProcess } from "@rivulet/node";
import { batchPipelines, type Pipeline } from "@rivulet/pipelines";
import { type CheapChanges, cheapBody, tinyModel } from "@rivulet/testkit";
import { type Answer, ask } from "./ask.ts";
import { modelsOf, offers } from "./network.ts";
import { eventually, SECRET, Stage } from "./stage.ts";

const MODELS = batchPipelines.map((pipeline) => {
  const { id, directory } = tinyModel(pipeline);
  return { pipeline: pipeline.name, model_id: id, repo: directory };
});

/** A gateway and an orchestrator that has a tiny model of every pipeline, in a runner of its own or at a worker. */
export class TinyNetwork implements AsyncDisposable {
  readonly gateway: NodeProcess;
  readonly #stage: Stage;

  private constructor(stage: Stage, gateway: NodeProcess) {
    this.#stage = stage;
    this.gateway = gateway;
  }

  static async start(place: "own runner" | "worker"): Promise<TinyNetwork> {
    const stage = new Stage();
    const models = `-aiModels=${JSON.stringify(MODELS)}`;
    const isOwn = place === "own runner";
    const orchestrator = await stage.orchestrator(isOwn ? ["-aiWorker", models] : [`-orchSecret=${SECRET}`]);
    if (!isOwn) await stage.worker(orchestrator, [models]);
    const gateway = await stage.gateway([orchestrator]);
    await offers(gateway, MODELS.length);
    return new TinyNetwork(stage, gateway);
  }

  /** Asks for a pipeline's example, as cheap as it can be, with some fields and files changed. */
  async ask(
    pipeline: Pipeline,
    { signal, fields, media = {} }: CheapChanges & { readonly signal?: AbortSignal } = {},
  ): Promise<Answer> {
    const named = { [pipeline.modelField]: tinyModel(pipeline).id, ...fields };
    const { body, contentType } = await cheapBody(pipeline, { fields: named, media });
    return ask(this.gateway, `/${pipeline.name}`, body, {
      headers: { "content-type": contentType },
      ...(signal && { signal }),
    });
  }

  /** Resolves when the gateway sees all slots free: nothing that was begun is still there. */
  allFree(): Promise<true> {
    return eventually(
      "all slots are free",
      async () => (await modelsOf(this.gateway)).every(({ free }) => free === 1) || undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stage[Symbol.asyncDispose]();
  }
}
