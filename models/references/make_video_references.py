"""Records the film that Diffusers makes of a picture with a tiny Stable Video Diffusion model of random weights.

    python make_video_references.py

README.md describes the files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from diffusers import AutoencoderKLTemporalDecoder, EulerDiscreteScheduler, StableVideoDiffusionPipeline, UNetSpatioTemporalConditionModel
from PIL import Image
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from make_edit_references import source_picture
from make_references import HERE, SOURCE, seeded, write_json

sys.path.insert(0, str(HERE.parent / "export"))
from export_svd import export_svd  # noqa: E402

HOW = "models/references/make_video_references.py"
FRAMES = 5
# As published.
SCHEDULER = dict(
    _class_name="EulerDiscreteScheduler", beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, interpolation_type="linear",
    num_train_timesteps=1000, prediction_type="v_prediction", set_alpha_to_one=False, sigma_max=700.0, sigma_min=0.002, skip_prk_steps=True, steps_offset=1,
    timestep_spacing="leading", timestep_type="continuous", trained_betas=None, use_karras_sigmas=True,
)
# Every so many rows and columns of what the image encoder is shown are kept: all of them would be 600 kB.
STRIDE = 7
# Of frames: an odd number of chunks, and a last one of one frame.
CHUNK = 4

PLAIN = dict(picture="video-source-0.png", width=64, height=48, seed=42, steps=3, fps=6, motion_bucket_id=127, noise_aug_strength=0.02)
WISHES = [
    PLAIN,
    # Sides that halve to odd numbers, a picture larger than the encoder's, another of everything.
    {**PLAIN, "picture": "video-source-1.png", "width": 40, "height": 56, "seed": 7, "steps": 2, "fps": 12, "motion_bucket_id": 20, "noise_aug_strength": 0.3},
    {**PLAIN, "seed": 2**32 - 1, "steps": 1, "noise_aug_strength": 0.0},
]
# The second gets narrower more than lower: from version 13 on Pillow resizes the axis first that shrinks more, before it always the rows.
PICTURES = {"video-source-0.png": (93, 70), "video-source-1.png": (500, 260)}


class FewGroups(torch.nn.GroupNorm):
    """The model's classes ask for 32 groups, which tiny layers cannot have."""

    def __init__(self, num_groups: int, num_channels: int, *args, **more):
        super().__init__(min(num_groups, num_channels // 4), num_channels, *args, **more)


def build(folder: Path) -> StableVideoDiffusionPipeline:
    encoder = seeded(CLIPVisionModelWithProjection(CLIPVisionConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=224, patch_size=32, projection_dim=16, hidden_act="gelu",
    )), 401)
    unet = seeded(UNetSpatioTemporalConditionModel(
        sample_size=8, in_channels=8, out_channels=4, block_out_channels=(8, 16), layers_per_block=1, num_frames=FRAMES,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"), up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        cross_attention_dim=16, num_attention_heads=(2, 2), addition_time_embed_dim=8, projection_class_embeddings_input_dim=24,
    ), 402)
    vae = seeded(AutoencoderKLTemporalDecoder(
        block_out_channels=(8, 8, 16, 16), down_block_types=("DownEncoderBlock2D",) * 4, layers_per_block=1, latent_channels=4, sample_size=32, scaling_factor=0.18215,
        force_upcast=True,
    ), 403)
    unet.conv_out.weight.mul_(2)  # so that a wrong step is well outside the tolerance
    StableVideoDiffusionPipeline(
        vae=vae, image_encoder=encoder, unet=unet, scheduler=EulerDiscreteScheduler.from_config(SCHEDULER), feature_extractor=CLIPImageProcessor(),
    ).save_pretrained(folder)
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER, indent=2) + "\n")
    pipe = StableVideoDiffusionPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE)
    out = parser.parse_args().out / "svd"
    torch.set_num_threads(1)
    torch.nn.GroupNorm = FewGroups
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)

    def tensor(label: str, value: torch.Tensor) -> dict:
        (out / f"{label}.f32").write_bytes(value.detach().float().contiguous().numpy().astype("<f4").tobytes())
        return dict(file=f"{label}.f32", shape=list(value.shape))

    with tempfile.TemporaryDirectory() as temp, torch.no_grad():
        folder = Path(temp)
        pipe = build(folder)
        export_svd(folder, out / "model", storage="fp16")
        for name, size in PICTURES.items():
            # Few colours: busy pictures make large files.
            source_picture(*size).quantize(64).save(out / name, optimize=True)
        # Whatever the pipeline hands its image encoder and gets back.
        seen: list[tuple[torch.Tensor, torch.Tensor]] = []
        pipe.image_encoder.register_forward_hook(lambda _, given, result: seen.append((given[0], result.image_embeds)))
        films = []
        for i, wish in enumerate(WISHES):
            picture = Image.open(out / wish["picture"]).convert("RGB")
            call = {k: wish[k] for k in ("width", "height", "fps", "motion_bucket_id", "noise_aug_strength")}
            made, latents = (
                pipe(picture, **call, num_inference_steps=wish["steps"], decode_chunk_size=CHUNK, output_type=kind,
                     generator=torch.Generator("cpu").manual_seed(wish["seed"])).frames[0]
                for kind in ("pil", "latent")
            )
            strip = Image.new("RGB", (wish["width"], wish["height"] * FRAMES))
            for n, frame in enumerate(made):
                strip.paste(frame, (0, n * wish["height"]))
            strip.save(out / f"video-{i}.png", optimize=True)
            films.append(dict(input=wish, expected=dict(file=f"video-{i}.png", frames=FRAMES, latents=tensor(f"video-{i}.latents", latents))))
        views = []
        for name in PICTURES:
            i = next(i for i, wish in enumerate(WISHES) if wish["picture"] == name)
            pixels, embeds = seen[2 * i]
            label = name.removesuffix(".png")
            views.append(dict(input=dict(picture=name, stride=STRIDE), expected=dict(
                pixel_values=tensor(f"{label}.pixel_values", pixels[:, :, ::STRIDE, ::STRIDE]), image_embeds=tensor(f"{label}.image_embeds", embeds))))
        write_json(out / "videos.json", dict(source=SOURCE, how=HOW, family="svd", views=views, videos=films))
        check(pipe, out)
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    if size > 1_000_000:
        raise SystemExit(f"svd: {size} bytes are more than the 1 MB a family may take")
    print(f"svd: {size / 1000:.0f} kB", flush=True)


def check(pipe: StableVideoDiffusionPipeline, out: Path) -> None:
    """The exported graphs give what the model gives, also for one row, odd sides and chunks of every length."""

    def compare(part: str, given: dict, expected: torch.Tensor) -> None:
        session = onnxruntime.InferenceSession(str(out / "model" / part / "model.onnx"), providers=["CPUExecutionProvider"])
        worst = float(np.abs(session.run(None, {k: v.numpy() for k, v in given.items()})[0] - expected.numpy()).max())
        if worst > 1e-4:
            raise SystemExit(f"svd: {part} is off by {worst}")

    g = torch.Generator("cpu").manual_seed(7)
    for rows, height, width in ((2, 8, 8), (1, 13, 6)):
        given = dict(sample=torch.randn(rows, FRAMES, 8, height, width, generator=g), timestep=torch.tensor(0.7),
                     encoder_hidden_states=torch.randn(rows, 1, 16, generator=g), added_time_ids=torch.tensor([[5.0, 127, 0.02]] * rows))
        compare("unet", given, pipe.unet(*given.values()).sample)
    for frames in (1, 4):
        latents = torch.randn(frames, 4, 7, 12, generator=g)
        compare("vae_decoder", dict(latent_sample=latents), pipe.vae.decode(latents, num_frames=frames).sample)


if __name__ == "__main__":
    main()
