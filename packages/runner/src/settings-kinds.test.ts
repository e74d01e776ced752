import { describe, expect, test } from "vitest";
import { refuseMisplaced } from "./settings-kinds.ts";

describe("a settings file", () => {
  test.each([
    ["model/config.json", { model_type: "whisper", architectures: ["Whisper"], tokenizer_class: "Older" }],
    ["model/preprocessor_config.json", { feature_extractor_type: "Whisper", processor_class: "Whisper" }],
    ["model/tokenizer_config.json", { tokenizer_class: "Whisper" }],
    ["model/generation_config.json", { max_length: 20 }],
    ["model\\unet\\config.json", { _class_name: "UNet2DConditionModel" }],
    ["model/vae_encoder/config.json", { _class_name: "AutoencoderKL" }],
    ["model/low_res_scheduler/scheduler_config.json", { _class_name: "DDPMScheduler" }],
    ["model/model_index.json", { _class_name: "StableDiffusionPipeline" }],
    ["model/vocab.json", { architectures: 7, tokenizer: 8 }],
  ])("%s may be what it is", (file, json) => {
    expect(() => refuseMisplaced(file, json)).not.toThrow();
  });

  test.each([
    ["model/config.json", { tokenizer_class: "Whisper" }, "tokenizer_config.json"],
    ["model/preprocessor_config.json", { architectures: ["Sam2Model"], model_type: "sam2" }, "config.json"],
    ["model/vae_decoder/config.json", { _class_name: "UNet2DConditionModel" }, "unet/config.json"],
    ["model/unet/config.json", { _class_name: "EulerDiscreteScheduler" }, "scheduler/scheduler_config.json"],
  ])("%s in another's place is refused with both names", (file, json, belongs) => {
    expect(() => refuseMisplaced(file, json)).toThrow(`${file} holds what belongs in ${belongs}`);
  });
});
