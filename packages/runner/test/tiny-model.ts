import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type OnnxElementType, type OnnxNode, type OnnxPort, onnxFloats, onnxInts, onnxModel } from "@rivulet/testkit";

/**
 * Models of the Stable Diffusion family in the layout that Optimum writes, small enough to follow by hand.
 *
 * The denoiser answers 0.3 · sample + 0.0001 · timestep + the mean of everything else it is told; the text encoder looks
 * each token up in a table; the decoder makes each latent element a block of 8 × 8 pixels.
 */
export interface TinyModel {
  readonly family: "sd" | "sdxl" | "lcm";
  /** Settings laid over those of `scheduler_config.json`. */
  readonly scheduler?: Readonly<Record<string, unknown>>;
  /** How the denoiser declares what differs from export to export. */
  readonly floats?: "float32" | "float16";
  readonly ids?: "int64" | "int32";
  readonly timestep?: { readonly type: OnnxElementType; readonly dims: readonly (number | string)[] };
  /** Rows a run takes, when the files fix it. */
  readonly rows?: number;
  /** Whether the denoiser only takes latents with even sides, as files do that were exported without care. */
  readonly evenSides?: boolean;
  /** Latent side, when the denoiser fixes it. */
  readonly side?: number;
  readonly hiddenStates?: boolean;
  readonly safetyChecker?: boolean;
  /** Whether the decoder's numbers lie in a file of their own, as those of large models do. */
  readonly externalData?: boolean;
  /** Multiplies the denoiser's answer: a large one overflows. */
  readonly gain?: number;
}

export const TOKENS = 77;
export const WIDTH = 4;
/** Large, so that single steps, which leave much noise, still make pictures that are not all black and white. */
export const SCALING_FACTOR = 16;
const GUIDANCE_WIDTH = 8;
const PIXELS = 8;

const elementNumbers = { float32: 1, float16: 10 } as const;

export async function writeTinyModel(directory: string, model: TinyModel): Promise<void> {
  const vocab = await tinyVocabulary();
  const write = async (path: string, content: string | Uint8Array) => {
    await mkdir(join(directory, path, ".."), { recursive: true });
    await writeFile(join(directory, path), content);
  };
  const json = (path: string, content: object) => write(path, JSON.stringify(content));
  await json("model_index.json", { _class_name: model.family === "sdxl" ? "StableDiffusionXLPipeline" : "Tiny" });
  await json("scheduler/scheduler_config.json", {
    _class_name: model.family === "lcm" ? "LCMScheduler" : "EulerDiscreteScheduler",
    beta_start: 0.00085,
    beta_end: 0.012,
    beta_schedule: "scaled_linear",
    timestep_spacing: "trailing",
    ...model.scheduler,
  });
  const encoders = model.family === "sdxl" ? ["", "_2"] : [""];
  for (const suffix of encoders) {
    await json(`tokenizer${suffix}/vocab.json`, vocab.vocab);
    await write(`tokenizer${suffix}/merges.txt`, vocab.merges.join("\n"));
    await json(`tokenizer${suffix}/tokenizer_config.json`, { pad_token: suffix === "" ? "<|endoftext|>" : "!" });
    await write(`text_encoder${suffix}/model.onnx`, textEncoder(model, vocab.size));
  }
  await json("unet/config.json", { in_channels: 4, out_channels: 4, block_out_channels: [8, 8] });
  await write("unet/model.onnx", denoiser(model));
  await json("vae_decoder/config.json", { scaling_factor: SCALING_FACTOR, block_out_channels: [8, 8, 8, 8] });
  await write("vae_decoder/model.onnx", decoder(model.externalData ? EXTERNAL_FILE : undefined));
  if (model.externalData) await write(`vae_decoder/${EXTERNAL_FILE}`, new Uint8Array(decoderWeights().data.buffer));
  // Part of every export, and not needed to make pictures from text.
  await write("vae_encoder/model.onnx", decoder());
  if (model.safetyChecker) await write("safety_checker/model.onnx", safetyChecker());
}

/** The tokenizer of every tiny model: that of the token vectors. */
export async function tinyVocabulary() {
  const file = new URL("../../../vectors/runner/clip-tokens.json", import.meta.url);
  const { vocab, merges } = JSON.parse(await readFile(file, "utf8")) as {
    vocab: Record<string, number>;
    merges: string[];
  };
  return { vocab, merges, size: Object.keys(vocab).length };
}

/** What token `id` is looked up as: `WIDTH` small numbers that differ from token to token. */
export function embeddingOf(id: number): readonly number[] {
  return Array.from({ length: WIDTH }, (_, column) => ((id * 7 + column * 13) % 101) / 101 - 0.5);
}

function textEncoder({ family, ids = "int64", rows, hiddenStates = true }: TinyModel, vocabulary: number): Uint8Array {
  const isPair = family === "sdxl";
  const states = (name: string): OnnxPort => ({ name, type: "float32", dims: [rows ?? "batch", TOKENS, WIDTH] });
  const table = Array.from({ length: vocabulary }, (_, id) => embeddingOf(id)).flat();
  const layers = isPair && hiddenStates ? ["hidden_states.0", "hidden_states.1", "hidden_states.2"] : [];
  const nodes: OnnxNode[] = [
    { op: "Gather", inputs: ["table", "input_ids"], outputs: ["last_hidden_state"], attributes: { axis: { int: 0 } } },
    ...layers.map((name, layer) => ({ op: "Mul", inputs: ["last_hidden_state", `factor_${layer}`], outputs: [name] })),
  ];
  if (isPair)
    nodes.push({
      op: "ReduceMean",
      inputs: ["last_hidden_state"],
      outputs: ["text_embeds"],
      attributes: { axes: { ints: [1] }, keepdims: { int: 0 } },
    });
  return onnxModel({
    inputs: [{ name: "input_ids", type: ids, dims: [rows ?? "batch", TOKENS] }],
    outputs: [
      states("last_hidden_state"),
      ...layers.map(states),
      ...(isPair ? [{ name: "text_embeds", type: "float32", dims: [rows ?? "batch", WIDTH] } as const] : []),
    ],
    constants: [
      onnxFloats("table", [vocabulary, WIDTH], table),
      ...layers.map((_, layer) => onnxFloats(`factor_${layer}`, [1], [layer + 1])),
    ],
    nodes,
  });
}

function denoiser({
  family,
  floats = "float32",
  rows,
  side,
  gain = 1,
  evenSides = false,
  ...model
}: TinyModel): Uint8Array {
  const batch = rows ?? "batch";
  const timestep = model.timestep ?? { type: "float32", dims: [] };
  const told: OnnxPort[] = [
    { name: "encoder_hidden_states", type: floats, dims: [batch, TOKENS, "width"] },
    ...(family === "sdxl"
      ? ([
          { name: "text_embeds", type: floats, dims: [batch, WIDTH] },
          { name: "time_ids", type: floats, dims: [batch, 6] },
        ] as const)
      : []),
    ...(family === "lcm" ? [{ name: "timestep_cond", type: floats, dims: [batch, GUIDANCE_WIDTH] } as const] : []),
  ];
  const latents: OnnxPort = { name: "sample", type: floats, dims: [batch, 4, side ?? "height", side ?? "width"] };
  const cast = (from: string, to: string): OnnxNode => ({
    op: "Cast",
    inputs: [from],
    outputs: [to],
    attributes: { to: { int: elementNumbers.float32 } },
  });
  return onnxModel({
    inputs: [latents, { name: "timestep", ...timestep }, ...told],
    outputs: [{ ...latents, name: "out_sample" }],
    constants: [
      onnxFloats("share", [1], [0.3]),
      onnxFloats("per_timestep", [1], [0.0001]),
      onnxFloats("gain", [1], [gain]),
      onnxFloats("doubling", [4], [1, 1, 2, 2]),
      onnxFloats("nothing", [1], [0]),
      onnxInts("flat", [2], [0, -1]),
      onnxInts("column", [4], [-1, 1, 1, 1]),
    ],
    nodes: [
      cast("sample", "sample_real"),
      { op: "Mul", inputs: ["sample_real", "share"], outputs: ["sum_0"] },
      cast("timestep", "timestep_real"),
      { op: "Mul", inputs: ["timestep_real", "per_timestep"], outputs: ["of_time"] },
      { op: "Reshape", inputs: ["of_time", "column"], outputs: ["time_column"] },
      { op: "Add", inputs: ["sum_0", "time_column"], outputs: ["sum_1"] },
      ...told.flatMap(({ name }, index): OnnxNode[] => [
        cast(name, `${name}_real`),
        { op: "Reshape", inputs: [`${name}_real`, "flat"], outputs: [`${name}_flat`] },
        { op: "ReduceMean", inputs: [`${name}_flat`], outputs: [`${name}_mean`], attributes: { axes: { ints: [1] } } },
        { op: "Reshape", inputs: [`${name}_mean`, "column"], outputs: [`${name}_column`] },
        { op: "Add", inputs: [`sum_${index + 1}`, `${name}_column`], outputs: [`sum_${index + 2}`] },
      ]),
      { op: "Mul", inputs: [`sum_${told.length + 1}`, "gain"], outputs: ["whole"] },
      ...(evenSides ? halvedAndDoubled("whole", "checked") : []),
      {
        op: "Cast",
        inputs: [evenSides ? "checked" : "whole"],
        outputs: ["out_sample"],
        attributes: { to: { int: elementNumbers[floats] } },
      },
    ],
  });
}

/** The same numbers, by a way that fails for odd sides: nothing times their half, doubled, is added. */
function halvedAndDoubled(from: string, to: string): OnnxNode[] {
  const two = { ints: [2, 2] };
  return [
    { op: "AveragePool", inputs: [from], outputs: ["half"], attributes: { kernel_shape: two, strides: two } },
    {
      op: "Resize",
      inputs: ["half", "", "doubling"],
      outputs: ["doubled"],
      attributes: { mode: { text: "nearest" }, coordinate_transformation_mode: { text: "asymmetric" } },
    },
    { op: "Mul", inputs: ["doubled", "nothing"], outputs: ["zeros"] },
    { op: "Add", inputs: [from, "zeros"], outputs: [to] },
  ];
}

const EXTERNAL_FILE = "model.onnx_data";
const COLOURS = PIXELS * PIXELS * 3;

function decoderWeights() {
  const weights = Array.from({ length: COLOURS * 4 }, (_, i) => (Math.floor(i / 4) % 3 === i % 4 ? 1 : 0));
  return onnxFloats("weights", [COLOURS, 4, 1, 1], weights);
}

/** Latent channel c is colour c of every pixel of its block; the fourth is left out. */
function decoder(file?: string): Uint8Array {
  return onnxModel({
    inputs: [{ name: "latent_sample", type: "float32", dims: ["batch", 4, "height", "width"] }],
    outputs: [{ name: "sample", type: "float32", dims: ["batch", 3, "pixel_height", "pixel_width"] }],
    constants: [file === undefined ? decoderWeights() : { ...decoderWeights(), file }],
    nodes: [
      { op: "Conv", inputs: ["latent_sample", "weights"], outputs: ["blocks"] },
      {
        op: "DepthToSpace",
        inputs: ["blocks"],
        outputs: ["sample"],
        attributes: { blocksize: { int: PIXELS }, mode: { text: "DCR" } },
      },
    ],
  });
}

/** Byte 127 as the checker sees it. */
const MIDDLE_GREY = 0.18;

/** Finds fault with pictures that are bright on the whole. */
function safetyChecker(): Uint8Array {
  return onnxModel({
    inputs: [
      { name: "clip_input", type: "float32", dims: ["batch", 3, 224, 224] },
      { name: "images", type: "float32", dims: ["batch", "height", "width", 3] },
    ],
    outputs: [
      { name: "out_images", type: "float32", dims: ["batch", "height", "width", 3] },
      { name: "has_nsfw_concepts", type: "bool", dims: ["batch"] },
    ],
    constants: [onnxFloats("middle", [1], [MIDDLE_GREY])],
    nodes: [
      { op: "Identity", inputs: ["images"], outputs: ["out_images"] },
      {
        op: "ReduceMean",
        inputs: ["clip_input"],
        outputs: ["brightness"],
        attributes: { axes: { ints: [1, 2, 3] }, keepdims: { int: 0 } },
      },
      { op: "Greater", inputs: ["brightness", "middle"], outputs: ["has_nsfw_concepts"] },
    ],
  });
}
