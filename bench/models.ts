import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findStarterModels } from "@rivulet/node";
import { batchPipelines, type Pipeline, type PipelineName } from "@rivulet/pipelines";
import { ModelStore } from "@rivulet/runner";

/** A model, and what is measured of it. */
export interface Subject {
  readonly pipeline: Pipeline;
  readonly id: string;
  readonly directory: string;
  readonly defaults: object;
}

/** What models of a class are for. Sources: runner-and-models 7.3.1, 7.3.2. */
const PURPOSES: readonly (readonly [kind: RegExp, pipelines: readonly PipelineName[]])[] = [
  [/^StableDiffusionInstructPix2Pix/, ["image-to-image"]],
  [/^StableDiffusionUpscale|^Swin2SR/, ["upscale"]],
  [/^StableVideoDiffusion/, ["image-to-video"]],
  [/^(?:StableDiffusion|LatentConsistencyModel)/, ["text-to-image", "image-to-image"]],
  [/^Whisper/, ["audio-to-text"]],
  [/^Sam2/, ["segment-anything-2"]],
  [/^(?:Blip|Florence2)ForConditionalGeneration|^VisionEncoderDecoder/, ["image-to-text"]],
  [/^(?:Vits|SpeechT5)/, ["text-to-speech"]],
  [/ForCausalLM$/, ["llm"]],
];

/** The starter models. */
export function starters(): readonly Subject[] {
  return findStarterModels().flatMap(({ pipeline: name, ...model }) => {
    const pipeline = batchPipelines.find((each) => each.name === name);
    return pipeline === undefined ? [] : [{ ...model, pipeline }];
  });
}

/** All models of a directory in the layout of `-aiModelsDir`, each for every pipeline that its class is for. */
export async function modelsBelow(root: string): Promise<readonly Subject[]> {
  const models = await new ModelStore([root]).list();
  return models.flatMap(({ model: id, directory }) => {
    const kind = classOf(directory);
    const [, names] = PURPOSES.find(([pattern]) => pattern.test(kind)) ?? [];
    if (names === undefined) console.error(`${id}: no pipeline is known for ${kind || "a model without a class"}`);
    return batchPipelines.flatMap((pipeline) =>
      names?.includes(pipeline.name as PipelineName) ? [{ pipeline, id, directory, defaults: {} }] : [],
    );
  });
}

function classOf(directory: string): string {
  const { _class_name } = settings(join(directory, "model_index.json"));
  const { architectures } = settings(join(directory, "config.json"));
  return String(_class_name ?? (Array.isArray(architectures) ? architectures[0] : undefined) ?? "");
}

function settings(file: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return {}; // most models have one of the two
  }
}
