"""Records what Diffusers makes of a given picture: image-to-image with the tiny families, and the one that edits by instruction.

    python make_edit_references.py              # all
    python make_edit_references.py sd1 pix2pix  # some

The models are those of make_references.py (`pix2pix` is made here). README.md describes the files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    EulerDiscreteScheduler,
    LatentConsistencyModelImg2ImgPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionXLImg2ImgPipeline,
)
from PIL import Image

from make_references import BETAS, FAMILIES, HERE, NEGATIVE, OTHER, PROMPT, SCHEDULERS, SOURCE, build, export, new_scheduler, write_json

HOW = "models/references/make_edit_references.py"
PICTURE = "edit-source.png"  # one for all families

EDITING = dict(
    scheduler=dict(_class_name="EulerAncestralDiscreteScheduler", **BETAS, clip_sample=False, interpolation_type="linear", prediction_type="epsilon",
                   set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1, trained_betas=None, use_karras_sigmas=False),
    guidance=7.5, unet=dict(in_channels=8),
)


def source_picture(width: int, height: int) -> Image.Image:
    """Smooth and busy at once, so that a wrong resize or a wrong channel shows."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [np.sin(x / 7 + y / 11), np.cos(x / 5 - y / 9), np.sin((x * y) / 300)]
    return Image.fromarray(np.rint(127.5 + 120 * np.stack(planes, -1)).astype(np.uint8), "RGB")


# Asked of models under their published ids, some with numbers that the id overrules.
PUBLISHED = {
    "turbo": [("stabilityai/sd-turbo", n, s) for n, s in ((2, 0.5), (4, 0.8), (4, 0.1), (1, 1.0))],
    "sdxl-turbo": [("stabilityai/sdxl-turbo", n, s) for n, s in ((2, 0.5), (4, 0.8), (4, 0.1))],
    "sdxl-lightning": [(f"ByteDance/SDXL-Lightning{size}", 30, s) for size, s in (("-4step", 0.8), ("-2step", 0.5), ("", 0.4))],
}


def by_id(wish: dict, config: dict):
    """What a published id makes of a request: its numbers, and the scheduler they run through."""
    model, given = wish["model"], {**wish, "guidance": 0.0}
    if "SDXL-Lightning" in model:
        given["steps"] = next((n for n in (2, 4, 8) if f"{n}step" in model), 8)
        # The UNet is all that is published: the rest, also this configuration, is the base model's.
        return given, EulerDiscreteScheduler.from_config(FAMILIES["sdxl"]["scheduler"], timestep_spacing="trailing")
    given["strength"] = max(1 / wish["steps"], wish["strength"])
    return given, new_scheduler(wish["scheduler"], config)


def wishes_of(name: str, family: dict) -> list[dict]:
    own, guidance = family["scheduler"]["_class_name"], family["guidance"]
    if name in PUBLISHED:
        asked = dict(scheduler=own, prompt=PROMPT, negative_prompt=NEGATIVE, seed=42, guidance=7.5)
        return [dict(model=model, **asked, steps=steps, strength=strength) for model, steps, strength in PUBLISHED[name]]
    plain = dict(prompt=PROMPT, negative_prompt=NEGATIVE, seed=42, steps=5, strength=0.8, guidance=guidance)
    if name == "pix2pix":
        del plain["strength"]
        return [
            dict(scheduler=own, **plain, image_guidance=1.5),
            dict(scheduler=own, **{**plain, "prompt": OTHER, "negative_prompt": "", "seed": 7, "steps": 3}, image_guidance=2.5),
            dict(scheduler="DDIMScheduler", **plain, image_guidance=1.0),
            dict(scheduler=own, **{**plain, "guidance": 1.0}, image_guidance=1.5),
        ]
    if name == "lcm":
        return [dict(scheduler=own, **{**plain, "negative_prompt": "", "strength": s, "steps": n}) for s, n in ((0.8, 4), (0.5, 2))]
    schedulers = [s for s in SCHEDULERS if s != "LCMScheduler"] if name == "sd1" else [own]
    more = [
        dict(scheduler=own, **{**plain, "prompt": OTHER, "negative_prompt": "", "strength": 0.5, "seed": 7}),
        dict(scheduler=own, **{**plain, "strength": 1.0, "steps": 3, "guidance": 1.0}),
    ]
    return [dict(scheduler=s, **plain) for s in schedulers] + more


def make(name: str, out: Path) -> None:
    family = EDITING if name == "pix2pix" else FAMILIES[name]
    xl = family.get("xl", False)
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("edit-*"):
        old.unlink()
    # Not a multiple of eight: it is brought down to 88 × 64.
    picture = source_picture(93, 70)
    picture.save(out.parent / PICTURE, optimize=True)
    with tempfile.TemporaryDirectory() as temp, torch.no_grad():
        folder = Path(temp)
        if name == "pix2pix":
            FAMILIES[name] = family
        pipe = build(name, family, folder)
        if name == "pix2pix":
            shutil.rmtree(out / "model", ignore_errors=True)
            export(folder, out / "model", storage="fp16")
        editing = {"pix2pix": StableDiffusionInstructPix2PixPipeline, "lcm": LatentConsistencyModelImg2ImgPipeline}.get(
            name, StableDiffusionXLImg2ImgPipeline if xl else StableDiffusionImg2ImgPipeline
        )
        parts = {k: v for k, v in pipe.components.items() if k not in ("image_encoder",)}
        extra = dict(add_watermarker=False) if xl else dict(requires_safety_checker=False)
        edit = editing(**parts, **extra)
        edit.set_progress_bar_config(disable=True)
        config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
        cases = []
        for i, wish in enumerate(wishes_of(name, family)):
            given, edit.scheduler = by_id(wish, config) if "model" in wish else (wish, new_scheduler(wish["scheduler"], config))
            call = dict(prompt=given["prompt"], image=picture, num_inference_steps=given["steps"], guidance_scale=given["guidance"])
            if name != "lcm":
                call["negative_prompt"] = given["negative_prompt"]
            if "strength" in given:
                call["strength"] = given["strength"]
            if "image_guidance" in given:
                call["image_guidance_scale"] = given["image_guidance"]
            made, latents = (edit(**call, output_type=kind, generator=torch.Generator("cpu").manual_seed(wish["seed"])).images[0] for kind in ("pil", "latent"))
            made.save(out / f"edit-{i}.png", optimize=True)
            latents = latents.detach().float().contiguous()
            (out / f"edit-{i}.latents.f32").write_bytes(latents.numpy().astype("<f4").tobytes())
            cases.append(dict(input=wish, expected=dict(file=f"edit-{i}.png", latents=dict(file=f"edit-{i}.latents.f32", shape=[1, *latents.shape]))))
        write_json(out / "edits.json", dict(source=SOURCE, how=f"{HOW} {name}", family=name, picture=f"../{PICTURE}", edits=cases))
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    if size > 1_000_000:
        raise SystemExit(f"{name}: {size} bytes are more than the 1 MB a family may take")
    print(f"{name}: {size / 1000:.0f} kB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.names or ["sd1", "sd2", "lcm", "sdxl", *PUBLISHED, "pix2pix"]:
        make(name, args.out / name)


if __name__ == "__main__":
    main()
