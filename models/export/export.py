"""Turns a Diffusers checkpoint of the Stable Diffusion family into the ONNX layout that the runner reads.

    python export.py CHECKPOINT OUT                    # weights as they are in the checkpoint
    python export.py CHECKPOINT OUT --storage fp16     # half the size, still computed in float32
    python export.py CHECKPOINT OUT --compute fp16     # half precision throughout, for accelerators

CHECKPOINT is a folder with a `model_index.json` (SD 1.x and 2.x, Turbo, LCM, SDXL, SDXL Turbo and Lightning). OUT gets
one folder a component with `model.onnx` and `config.json`, the tokenizers and the scheduler's configuration. Weights over
2 GB go beside the graph into `model.onnx_data`; `--external` sends all there. What decides the form of a graph is read
from the component's own configuration, never from the model's name.
"""

from __future__ import annotations

import argparse
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from onnx import TensorProto, helper, numpy_helper
from transformers import CLIPTextModel, CLIPTextModelWithProjection

OPSET = 17
# Protocol buffers cannot hold more than 2 GiB; below that one file is easier to handle.
INLINE_LIMIT = 1_900_000_000
# Smaller tensors (norms, biases, shapes) are worth less than the Cast node they would cost.
SMALLEST_HALVED = 256


class TextEncoder(torch.nn.Module):
    """Every hidden state is an output: SDXL conditions on the last but one, before the final norm."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        out = self.model(input_ids=input_ids, output_hidden_states=True)
        first = (out.text_embeds, out.last_hidden_state) if hasattr(out, "text_embeds") else (out.last_hidden_state, out.pooler_output)
        return (*first, *out.hidden_states)


class Unet(torch.nn.Module):
    def __init__(self, model, extras: list[str]):
        super().__init__()
        self.model, self.extras = model, extras

    def forward(self, sample, timestep, encoder_hidden_states, *extras):
        given = dict(zip(self.extras, extras))
        named = {name: given.pop(name) for name in ("timestep_cond", "class_labels") if name in given}
        return self.model(sample, timestep, encoder_hidden_states, **named, added_cond_kwargs=given or None, return_dict=False)[0]


class VaeEncoder(torch.nn.Module):
    """Mean and log variance side by side, so that drawing from them stays with the caller's generator."""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, sample):
        return self.vae.encode(sample).latent_dist.parameters


class VaeDecoder(torch.nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, latent_sample):
        return self.vae.decode(latent_sample, return_dict=False)[0]


def write_graph(module, inputs: dict[str, torch.Tensor], outputs: list[str], axes: dict[str, dict[int, str]], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), tuple(inputs.values()), str(path),
            input_names=list(inputs), output_names=outputs, dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )


def halve_weights(model: onnx.ModelProto) -> None:
    """Stores large float32 weights as float16 behind a Cast. The runtime folds the Cast away when it loads the graph."""
    casts, kept = [], []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims, dtype=np.int64) < SMALLEST_HALVED:
            kept.append(tensor)
            continue
        limit = np.finfo(np.float16).max
        half = np.clip(numpy_helper.to_array(tensor), -limit, limit).astype(np.float16)
        kept.append(numpy_helper.from_array(half, tensor.name + "_half"))
        casts.append(helper.make_node("Cast", [tensor.name + "_half"], [tensor.name], to=TensorProto.FLOAT))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(casts + nodes)


def shorten_names(model: onnx.ModelProto) -> None:
    """The exporter names every value by its path through the modules, often more bytes than a tiny model's weights."""
    graph = model.graph
    short = {v.name: v.name for v in [*graph.input, *graph.output]} | {"": ""}
    weights = {t.name for t in graph.initializer}

    def rename(names) -> None:
        for i, name in enumerate(names):
            if name not in short:
                short[name] = name if name in weights and not name.startswith("onnx::") else f"v{len(short)}"
            names[i] = short[name]

    for node in graph.node:
        node.ClearField("doc_string")
        node.ClearField("name")
        rename(node.input)
        rename(node.output)
    for tensor in graph.initializer:
        tensor.name = short.get(tensor.name, tensor.name)
    del graph.value_info[:]


def finish_graph(path: Path, storage: str, external: bool) -> None:
    """Applies the storage option and brings the weights to where they belong: inside, or into one file beside the graph."""
    model = onnx.load(str(path))
    for stray in path.parent.iterdir():  # the exporter leaves a file for each tensor of a graph over 2 GB
        stray.unlink()
    shorten_names(model)
    if storage == "fp16":
        halve_weights(model)
    if external or model.ByteSize() > INLINE_LIMIT:
        onnx.save(model, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location=path.name + "_data", size_threshold=1024)
    else:
        onnx.save(model, str(path))
    onnx.checker.check_model(str(path))


def write_config(source: Path, folder: Path) -> None:
    config = json.loads((source / "config.json").read_text())
    for unwanted in ("_name_or_path", "_commit_hash"):
        config.pop(unwanted, None)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def export_text_encoder(source: Path, out: Path, name: str, dtype: torch.dtype, finish) -> None:
    kind = json.loads((source / name / "config.json").read_text())["architectures"][0]
    cls = CLIPTextModelWithProjection if kind.endswith("WithProjection") else CLIPTextModel
    model = cls.from_pretrained(source / name, dtype=dtype, attn_implementation="eager").eval()
    length = model.config.max_position_embeddings
    ids = torch.zeros(2, length, dtype=torch.int64)
    ids[:, -1] = model.config.eos_token_id
    states = [f"hidden_states.{i}" for i in range(model.config.num_hidden_layers + 1)]
    first = ["text_embeds", "last_hidden_state"] if cls is CLIPTextModelWithProjection else ["last_hidden_state", "pooler_output"]
    outputs = first + states
    axes = {"input_ids": {0: "batch"}, **{o: {0: "batch"} for o in outputs}}
    write_graph(TextEncoder(model), {"input_ids": ids}, outputs, axes, out / name / "model.onnx")
    finish(out / name / "model.onnx")
    write_config(source / name, out / name)


def export_unet(source: Path, out: Path, dtype: torch.dtype, finish) -> None:
    unet = UNet2DConditionModel.from_pretrained(source / "unet", torch_dtype=dtype).eval()
    unet.set_attn_processor(AttnProcessor())  # plain matrix products, which the exporter keeps dynamic
    config = unet.config
    # Odd on purpose: only for sides that do not halve evenly does the model hand the size of each skip connection to its
    # upsampling. Traced so, the graph takes any side; traced with an even one it fails for all that do not halve evenly.
    side = (config.sample_size if isinstance(config.sample_size, int) else 64) | 1
    positions = json.loads((source / "text_encoder" / "config.json").read_text())["max_position_embeddings"]
    inputs = {
        "sample": torch.randn(2, config.in_channels, side, side, dtype=dtype),
        # A float: schedulers with continuous timesteps need the fraction. The reader converts to what the graph declares.
        "timestep": torch.tensor(1.0, dtype=dtype),
        "encoder_hidden_states": torch.randn(2, positions, config.cross_attention_dim, dtype=dtype),
    }
    extras = []
    if config.time_cond_proj_dim is not None:
        extras.append("timestep_cond")
        inputs["timestep_cond"] = torch.randn(2, config.time_cond_proj_dim, dtype=dtype)
    if config.addition_embed_type == "text_time":
        extras += ["text_embeds", "time_ids"]
        pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        inputs["text_embeds"] = torch.randn(2, pooled, dtype=dtype)
        inputs["time_ids"] = torch.randn(2, 6, dtype=dtype)
    if config.num_class_embeds is not None:
        extras.append("class_labels")
        inputs["class_labels"] = torch.zeros(2, dtype=torch.int64)
    image = {0: "batch", 2: "height", 3: "width"}
    axes = {"sample": image, "out_sample": image, "encoder_hidden_states": {0: "batch"}, **{e: {0: "batch"} for e in extras}}
    write_graph(Unet(unet, extras), inputs, ["out_sample"], axes, out / "unet" / "model.onnx")
    finish(out / "unet" / "model.onnx")
    write_config(source / "unet", out / "unet")


def export_vae(source: Path, out: Path, dtype: torch.dtype, finish) -> None:
    vae = AutoencoderKL.from_pretrained(source / "vae", torch_dtype=dtype).eval()
    if vae.config.force_upcast and dtype == torch.float16:
        vae = vae.float()  # this one overflows in half precision
        dtype = torch.float32
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    image = {0: "batch", 2: "height", 3: "width"}
    axes = {"latent_sample": image, "sample": image, "latent_parameters": image}
    latent = torch.randn(1, vae.config.latent_channels, 8, 8, dtype=dtype)
    write_graph(VaeDecoder(vae), {"latent_sample": latent}, ["sample"], axes, out / "vae_decoder" / "model.onnx")
    picture = torch.randn(1, vae.config.in_channels, 8 * factor, 8 * factor, dtype=dtype)
    write_graph(VaeEncoder(vae), {"sample": picture}, ["latent_parameters"], axes, out / "vae_encoder" / "model.onnx")
    for name in ("vae_decoder", "vae_encoder"):
        finish(out / name / "model.onnx")
        write_config(source / "vae", out / name)


def write_model_index(source: Path, out: Path) -> None:
    """The checkpoint's own, with the VAE in its two halves, the way exports to this layout are indexed."""
    index = json.loads((source / "model_index.json").read_text())
    for gone in ("vae", "safety_checker", "feature_extractor", "image_encoder", "_name_or_path"):
        index.pop(gone, None)
    index.pop("requires_safety_checker", None)
    graph = ["diffusers", "OnnxRuntimeModel"]
    for name in ("text_encoder", "text_encoder_2", "unet"):
        if index.get(name, [None])[0] is not None:
            index[name] = graph
    index |= {"vae_decoder": graph, "vae_encoder": graph}
    (out / "model_index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")


def export(source: Path, out: Path, storage: str = "as-is", compute: str = "fp32", external: bool = False) -> None:
    index = json.loads((source / "model_index.json").read_text())
    dtype = torch.float16 if compute == "fp16" else torch.float32
    out.mkdir(parents=True, exist_ok=True)

    def finish(path: Path) -> None:
        finish_graph(path, storage, external)

    for name in ("text_encoder", "text_encoder_2"):
        if index.get(name, [None])[0] is not None:
            export_text_encoder(source, out, name, dtype, finish)
    export_unet(source, out, dtype, finish)
    export_vae(source, out, dtype, finish)
    for folder in ("tokenizer", "tokenizer_2", "scheduler", "low_res_scheduler"):
        if (source / folder).is_dir():
            shutil.copytree(source / folder, out / folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.bin", "*.safetensors"))
    write_model_index(source, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--storage", choices=("as-is", "fp16"), default="as-is", help="fp16: keep weights as float16, compute in float32")
    parser.add_argument("--compute", choices=("fp32", "fp16"), default="fp32", help="the type of the graphs' arithmetic and of their inputs")
    parser.add_argument("--external", action="store_true", help="weights beside the graph even when they would fit inside")
    args = parser.parse_args()
    export(args.checkpoint, args.out, args.storage, args.compute, args.external)
    total = sum(f.stat().st_size for f in args.out.rglob("*") if f.is_file())
    print(f"{args.out}: {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
