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

import json
import shutil
from functools import partial
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from attention import FusedAttention
from graphs import Command, dtype_of, write_config, write_graph, write_json

# Of latents. Small, because tracing computes what it traces. Odd on purpose: only for sides that do not halve evenly does a
# model hand the size of each skip connection to its upsampling. Traced so, the graph takes any side; traced with an even one
# it fails for all that do not halve evenly.
TRACED_SIDE = 17


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


def export_text_encoder(source: Path, out: Path, name: str, dtype: torch.dtype, write) -> None:
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
    write(TextEncoder(model), {"input_ids": ids}, outputs, axes, out / name / "model.onnx")
    write_config(source / name, out / name)


def export_unet(source: Path, out: Path, dtype: torch.dtype, write) -> None:
    unet = UNet2DConditionModel.from_pretrained(source / "unet", torch_dtype=dtype).eval()
    unet.set_attn_processor(FusedAttention())
    config = unet.config
    positions = json.loads((source / "text_encoder" / "config.json").read_text())["max_position_embeddings"]
    inputs = {
        "sample": torch.randn(2, config.in_channels, TRACED_SIDE, TRACED_SIDE, dtype=dtype),
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
    write(Unet(unet, extras), inputs, ["out_sample"], axes, out / "unet" / "model.onnx")
    write_config(source / "unet", out / "unet")


def export_vae(source: Path, out: Path, dtype: torch.dtype, write) -> None:
    vae = AutoencoderKL.from_pretrained(source / "vae", torch_dtype=dtype).eval()
    if vae.config.force_upcast and dtype == torch.float16:
        vae = vae.float()  # this one overflows in half precision
        dtype = torch.float32
    vae.set_attn_processor(FusedAttention())
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    image = {0: "batch", 2: "height", 3: "width"}
    axes = {"latent_sample": image, "sample": image, "latent_parameters": image}
    latent = torch.randn(1, vae.config.latent_channels, 8, 8, dtype=dtype)
    write(VaeDecoder(vae), {"latent_sample": latent}, ["sample"], axes, out / "vae_decoder" / "model.onnx")
    picture = torch.randn(1, vae.config.in_channels, 8 * factor, 8 * factor, dtype=dtype)
    write(VaeEncoder(vae), {"sample": picture}, ["latent_parameters"], axes, out / "vae_encoder" / "model.onnx")
    for name in ("vae_decoder", "vae_encoder"):
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
    write_json(out / "model_index.json", index)


def export(source: Path, out: Path, storage: str = "as-is", compute: str = "fp32", external: bool = False) -> None:
    index = json.loads((source / "model_index.json").read_text())
    dtype, write = dtype_of(compute), partial(write_graph, storage=storage, external=external)
    for name in ("text_encoder", "text_encoder_2"):
        if index.get(name, [None])[0] is not None:
            export_text_encoder(source, out, name, dtype, write)
    export_unet(source, out, dtype, write)
    export_vae(source, out, dtype, write)
    for folder in ("tokenizer", "tokenizer_2", "scheduler", "low_res_scheduler"):
        if (source / folder).is_dir():
            shutil.copytree(source / folder, out / folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.bin", "*.safetensors"))
    write_model_index(source, out)


if __name__ == "__main__":
    Command(__doc__, compute=True).run(export)
