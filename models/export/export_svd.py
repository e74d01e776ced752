"""Turns a Stable Video Diffusion checkpoint into the ONNX layout that the runner reads.

    python export_svd.py CHECKPOINT OUT                    # weights as they are in the checkpoint
    python export_svd.py CHECKPOINT OUT --storage fp16     # half the size, still computed in float32
    python export_svd.py CHECKPOINT OUT --compute fp16     # half precision throughout, for accelerators

CHECKPOINT is a folder with a `model_index.json` as Diffusers writes it. OUT gets `image_encoder`, `unet`, `vae_encoder` and
`vae_decoder`, each with `model.onnx` and `config.json`, and the scheduler's configuration. Rows and the picture's sides are
dynamic, the number of frames is the model's own; the decoder takes any number of frames that belong together.
"""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import torch
from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
from transformers import CLIPVisionModelWithProjection

from attention import FusedAttention
from export import TRACED_SIDE, VaeEncoder
from graphs import Command, dtype_of, write_config, write_graph, write_json


class ImageEncoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model(pixel_values=pixel_values).image_embeds


class Unet(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, sample, timestep, encoder_hidden_states, added_time_ids):
        return self.model(sample, timestep, encoder_hidden_states, added_time_ids, return_dict=False)[0]


class TemporalDecoder(torch.nn.Module):
    """All rows are frames of one film, in order."""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, latent_sample):
        frames = latent_sample.shape[0]
        return self.vae.decoder(latent_sample, num_frames=frames, image_only_indicator=latent_sample.new_zeros(1, frames))


def export_image_encoder(source: Path, out: Path, dtype: torch.dtype, write) -> None:
    model = CLIPVisionModelWithProjection.from_pretrained(source / "image_encoder", dtype=dtype, attn_implementation="eager").eval()
    side = model.config.image_size
    path = out / "image_encoder" / "model.onnx"
    inputs = {"pixel_values": torch.randn(1, 3, side, side, dtype=dtype)}
    write(ImageEncoder(model), inputs, ["image_embeds"], {"pixel_values": {0: "batch"}, "image_embeds": {0: "batch"}}, path)
    write_config(source / "image_encoder", path.parent)


def export_unet(source: Path, out: Path, dtype: torch.dtype, write) -> None:
    unet = UNetSpatioTemporalConditionModel.from_pretrained(source / "unet", torch_dtype=dtype).eval()
    unet.set_attn_processor(FusedAttention())
    config = unet.config
    inputs = {
        "sample": torch.randn(2, config.num_frames, config.in_channels, TRACED_SIDE, TRACED_SIDE + 2, dtype=dtype),
        "timestep": torch.tensor(1.0, dtype=dtype),
        "encoder_hidden_states": torch.randn(2, 1, config.cross_attention_dim, dtype=dtype),
        "added_time_ids": torch.randn(2, config.projection_class_embeddings_input_dim // config.addition_time_embed_dim, dtype=dtype),
    }
    film = {0: "batch", 3: "height", 4: "width"}
    axes = {"sample": film, "out_sample": film, "encoder_hidden_states": {0: "batch"}, "added_time_ids": {0: "batch"}}
    path = out / "unet" / "model.onnx"
    write(Unet(unet), inputs, ["out_sample"], axes, path)
    write_config(source / "unet", path.parent)


def export_vae(source: Path, out: Path, dtype: torch.dtype, write) -> None:
    vae = AutoencoderKLTemporalDecoder.from_pretrained(source / "vae", torch_dtype=dtype).eval()
    if vae.config.force_upcast and dtype == torch.float16:
        vae = vae.float()  # this one overflows in half precision
        dtype = torch.float32
    vae.set_attn_processor(FusedAttention())
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    image = {0: "batch", 2: "height", 3: "width"}
    frames = {0: "frames", 2: "height", 3: "width"}
    latent = torch.randn(3, vae.config.latent_channels, 8, 10, dtype=dtype)
    write(TemporalDecoder(vae), {"latent_sample": latent}, ["sample"], {"latent_sample": frames, "sample": frames}, out / "vae_decoder" / "model.onnx")
    picture = torch.randn(1, vae.config.in_channels, 8 * factor, 10 * factor, dtype=dtype)
    write(VaeEncoder(vae), {"sample": picture}, ["latent_parameters"], {"sample": image, "latent_parameters": image}, out / "vae_encoder" / "model.onnx")
    for name in ("vae_decoder", "vae_encoder"):
        write_config(source / "vae", out / name)


def write_model_index(source: Path, out: Path) -> None:
    index = json.loads((source / "model_index.json").read_text())
    for gone in ("vae", "feature_extractor", "_name_or_path"):
        index.pop(gone, None)
    graph = ["diffusers", "OnnxRuntimeModel"]
    index |= {name: graph for name in ("image_encoder", "unet", "vae_decoder", "vae_encoder")}
    write_json(out / "model_index.json", index)


def export_svd(source: Path, out: Path, storage: str = "as-is", compute: str = "fp32", external: bool = False) -> None:
    dtype, write = dtype_of(compute), partial(write_graph, storage=storage, external=external)
    for part in (export_image_encoder, export_unet, export_vae):
        part(source, out, dtype, write)
    for folder in ("scheduler", "feature_extractor"):
        shutil.copytree(source / folder, out / folder, dirs_exist_ok=True)
    write_model_index(source, out)


if __name__ == "__main__":
    Command(__doc__, compute=True).run(export_svd)
