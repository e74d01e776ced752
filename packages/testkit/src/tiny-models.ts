import { fileURLToPath } from "node:url";
import type { Pipeline, PipelineName } from "@rivulet/pipelines";
import { type ModelId, modelId } from "@rivulet/primitives";

/** The family, in the recorded references, whose tiny model stands for a pipeline. */
const families: Readonly<Record<Exclude<PipelineName, "live-video-to-video">, string>> = {
  "text-to-image": "turbo",
  "image-to-image": "sd1",
  "image-to-video": "svd",
  upscale: "swin2sr",
  "image-to-text": "blip",
  "segment-anything-2": "sam2",
  "audio-to-text": "whisper",
  "text-to-speech": "vits",
  llm: "llama",
};

const references = new URL("../../../models/references/", import.meta.url);

/** A model of a pipeline whose weights are random and few, in the layout of a real family. */
export function tinyModel({ name }: Pick<Pipeline, "name">): { readonly id: ModelId; readonly directory: string } {
  const family: string | undefined = Reflect.get(families, name);
  if (family === undefined) throw new RangeError(`no tiny model for ${name}`);
  return { id: modelId(`tiny/${family}`), directory: fileURLToPath(new URL(`${family}/model`, references)) };
}
