"""Records what Diffusers and Transformers make of a small picture: the latent upscaler and Swin2SR, tiny and with random weights.

    python make_upscale_references.py            # both
    python make_upscale_references.py swin2sr    # one

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
from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, StableDiffusionUpscalePipeline, UNet2DConditionModel
from transformers import CLIPTextModel, Swin2SRConfig, Swin2SRForImageSuperResolution, Swin2SRImageProcessor

from PIL import Image

from make_edit_references import source_picture
from make_references import CORPUS, HERE, OTHER, PROMPT, SOURCE, export, make_tokenizer, seeded, text_config, write_json

sys.path.insert(0, str(HERE.parent / "export"))
from export_swin2sr import export_swin2sr  # noqa: E402

HOW = "models/references/make_upscale_references.py"
BETAS = dict(num_train_timesteps=1000, beta_start=0.0001, beta_end=0.02, beta_schedule="scaled_linear")
DDIM = dict(_class_name="DDIMScheduler", **BETAS, clip_sample=False, prediction_type="v_prediction", set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1, trained_betas=None)
DDPM = dict(_class_name="DDPMScheduler", **BETAS, clip_sample=True, prediction_type="epsilon", trained_betas=None, variance_type="fixed_small")


def make_latent(out: Path) -> None:
    with tempfile.TemporaryDirectory() as temp, torch.no_grad():
        folder = Path(temp)
        tokenizer = make_tokenizer(folder / "tokenizer", CORPUS, "!")
        text = seeded(CLIPTextModel(text_config(tokenizer, "gelu")), 201)
        unet = seeded(UNet2DConditionModel(
            sample_size=8, in_channels=7, out_channels=4, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=32, attention_head_dim=(2, 4), num_class_embeds=350, use_linear_projection=True,
        ), 202)
        vae = seeded(AutoencoderKL(
            block_out_channels=(8, 8, 16), down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
            latent_channels=4, layers_per_block=1, norm_num_groups=4, sample_size=32, scaling_factor=0.08333,
        ), 203)
        vae.decoder.conv_out.weight.mul_(0.5)
        unet.conv_out.weight.mul_(2)
        pipe = StableDiffusionUpscalePipeline(
            vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, low_res_scheduler=DDPMScheduler.from_config(DDPM),
            scheduler=DDIMScheduler.from_config(DDIM), max_noise_level=350,
        )
        pipe.save_pretrained(folder)
        make_tokenizer(folder / "tokenizer", CORPUS, "!")
        for name, config in (("scheduler", DDIM), ("low_res_scheduler", DDPM)):
            (folder / name / "scheduler_config.json").write_text(json.dumps(config, indent=2) + "\n")
        export(folder, out / "model", storage="fp16")
        pipe = StableDiffusionUpscalePipeline.from_pretrained(folder)
        pipe.set_progress_bar_config(disable=True)
        picture = source_picture(22, 18)
        picture.save(out / "upscale-source.png", optimize=True)
        cases = []
        for i, wish in enumerate([dict(prompt=PROMPT, seed=42, steps=4), dict(prompt=OTHER, seed=7, steps=3), dict(prompt="a", seed=1, steps=2)]):
            made = pipe(prompt=wish["prompt"], image=picture, num_inference_steps=wish["steps"], guidance_scale=9.0, noise_level=20,
                        generator=torch.Generator("cpu").manual_seed(wish["seed"])).images[0]
            made.save(out / f"upscale-{i}.png", optimize=True)
            cases.append(dict(input=wish, expected=dict(file=f"upscale-{i}.png")))
        write_json(out / "upscales.json", dict(source=SOURCE, how=f"{HOW} x4", family="x4", picture="upscale-source.png", upscales=cases))


def make_swin2sr(out: Path) -> None:
    with tempfile.TemporaryDirectory() as temp, torch.no_grad():
        folder = Path(temp)
        model = seeded(Swin2SRForImageSuperResolution(Swin2SRConfig(
            image_size=32, embed_dim=16, depths=[2], num_heads=[2], window_size=8, upscale=4, upsampler="nearest+conv", mlp_ratio=2.0, num_channels=3,
        )), 301)
        model.save_pretrained(folder)
        processor = Swin2SRImageProcessor()
        processor.save_pretrained(folder)
        export_swin2sr(folder, out / "model", storage="fp16")
        session = onnxruntime.InferenceSession(str(out / "model" / "onnx" / "model.onnx"), providers=["CPUExecutionProvider"])
        cases = []
        # Whole windows, part of one, wider than the traced size, and smaller than a window.
        for i, size in enumerate([(32, 32), (22, 18), (45, 24), (5, 3)]):
            picture = source_picture(*size)
            picture.save(out / f"upscale-source-{i}.png", optimize=True)
            pixels = processor(picture, return_tensors="pt").pixel_values
            made = model(pixels).reconstruction
            worst = np.abs(session.run(None, {"pixel_values": pixels.numpy()})[0] - made.numpy()).max()
            if worst > 1e-4:
                raise SystemExit(f"swin2sr: the exported graph is off by {worst} at {size}")
            cropped = made[0, :, : 4 * size[1], : 4 * size[0]].clamp(0, 1).permute(1, 2, 0).numpy()
            Image.fromarray(np.rint(cropped * 255).astype(np.uint8), "RGB").save(out / f"upscale-{i}.png", optimize=True)
            cases.append(dict(input=dict(prompt="larger", seed=0, steps=1, picture=f"upscale-source-{i}.png"), expected=dict(file=f"upscale-{i}.png")))
        write_json(out / "upscales.json", dict(source=SOURCE, how=f"{HOW} swin2sr", family="swin2sr", picture="upscale-source-0.png", upscales=cases))


MAKERS = {"x4": make_latent, "swin2sr": make_swin2sr}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.names or list(MAKERS):
        out = args.out / name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        MAKERS[name](out)
        size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
        if size > 1_000_000:
            raise SystemExit(f"{name}: {size} bytes are more than the 1 MB a family may take")
        print(f"{name}: {size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
