"""Trains the starter upscaler: a Swin2SR of the usual parts, small enough for one CPU core and some minutes.

    python train.py                 # about six minutes of one core
    python train.py --steps 6000    # longer; an interrupted run continues from its last checkpoint
    python train.py --save          # the averaged weights of the last checkpoint, also while training goes on

The result is a Transformers checkpoint in `work/checkpoint`, which `models/export/export_swin2sr.py` turns into the
package's files. Nothing here is random but by the seed. Combinations for which `shapes.is_held_out` is true are never drawn.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
import time
from pathlib import Path

# Waiting threads sleep. When they spin instead, a machine that does anything else makes every step ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
from PIL import Image, ImageFilter
from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution, Swin2SRImageProcessor

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "starter-text-to-image" / "train"))
import shapes  # noqa: E402

FACTOR = 4
# Of the small picture. Two windows a side, so that shifted windows meet both a border and a middle.
CROP = 16
SCENES = 500


def new_model() -> Swin2SRForImageSuperResolution:
    """Starts as bilinear interpolation: the first three features are the colours, which the last convolution spreads.

    The blocks' norms stand at the end of their branch and would begin as loud as what they correct; they begin quietly.
    """
    model = Swin2SRForImageSuperResolution(
        Swin2SRConfig(
            image_size=64, embed_dim=32, depths=[2, 2], num_heads=[2, 2], window_size=8, mlp_ratio=2.0, upscale=FACTOR,
            upsampler="pixelshuffledirect", num_channels=3, drop_path_rate=0.0,
        )
    )
    with torch.no_grad():
        for name, module in model.named_modules():
            if name.endswith(("layernorm_before", "layernorm_after")):
                module.weight.fill_(0.2)
            elif isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
                module.weight.normal_(0, module.weight[0].numel() ** -0.5)
        first, last = model.swin2sr.first_convolution, model.upsample.conv
        first.weight[:3] = 0
        for c in range(3):
            first.weight[c, c, 1, 1] = 1
        model.swin2sr.conv_after_body.weight *= 0.1
        last.weight *= 0.05
        last.weight[:, :3] = 0
        taps = []
        for phase in range(FACTOR):
            away = (phase + 0.5) / FACTOR - 0.5
            taps.append(torch.tensor([max(-away, 0.0), 1 - abs(away), max(away, 0.0)]))
        for c in range(3):
            for y in range(FACTOR):
                for x in range(FACTOR):
                    last.weight[(c * FACTOR + y) * FACTOR + x, c] = torch.outer(taps[y], taps[x])
    return model


def smaller(rng: random.Random, picture: Image.Image) -> Image.Image:
    """As people make pictures small: mostly bicubic, sometimes otherwise, sometimes a little soft to begin with."""
    if rng.random() < 0.15:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    methods = Image.Resampling
    method = rng.choice((methods.BICUBIC, methods.BICUBIC, methods.BICUBIC, methods.BOX, methods.LANCZOS, methods.BILINEAR))
    return picture.resize((picture.width // FACTOR, picture.height // FACTOR), method)


def draw_pool(rng: random.Random) -> list[tuple[shapes.Scene, np.ndarray, np.ndarray]]:
    pool = []
    for _ in range(SCENES):
        scene = shapes.training_scene(rng)
        large = shapes.draw(scene)
        pool.append((scene, np.asarray(smaller(rng, Image.fromarray(large))), large))
    return pool


def batch_of(rng: random.Random, pool, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Crops with a part of an outline in them, turned and mirrored: these eight are all the same to an upscaler."""
    small, large = [], []
    room = shapes.SIDE // FACTOR - CROP
    for _ in range(count):
        scene, low, high = rng.choice(pool)
        thing = rng.choice(scene.things)
        reach = thing.radius * 1.1
        x, y = (min(max(round((v + rng.uniform(-reach, reach)) / FACTOR - CROP / 2), 0), room) for v in (thing.x, thing.y))
        pieces = [low[y : y + CROP, x : x + CROP], high[FACTOR * y : FACTOR * (y + CROP), FACTOR * x : FACTOR * (x + CROP)]]
        turns, is_mirrored = rng.randrange(4), rng.random() < 0.5
        pieces = [np.rot90(p[:, ::-1] if is_mirrored else p, turns) for p in pieces]
        small.append(pieces[0])
        large.append(pieces[1])
    return planes(np.stack(small)), planes(np.stack(large))


def planes(pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * math.log10(255**2 / max(float(np.mean((a.astype(np.float64) - b) ** 2)), 1e-3))


@torch.no_grad()
def gain(model: Swin2SRForImageSuperResolution, count: int = 12) -> tuple[float, float]:
    """Mean signal to noise of whole pictures never drawn in training, in dB: the model's and that of bicubic."""
    rng, ours, plain = random.Random(99), [], []
    while len(ours) < count:
        scene = shapes.random_scene(rng)
        if not shapes.is_held_out(scene.key()):
            continue
        large = shapes.draw(scene)
        small = Image.fromarray(large).resize((shapes.SIDE // FACTOR,) * 2, Image.Resampling.BICUBIC)
        made = model(planes(np.asarray(small)[None])).reconstruction[0].clamp(0, 1).permute(1, 2, 0).numpy()
        ours.append(psnr(np.rint(made * 255), large))
        plain.append(psnr(np.asarray(small.resize((shapes.SIDE,) * 2, Image.Resampling.BICUBIC)), large))
    return float(np.mean(ours)), float(np.mean(plain))


def save(work: Path) -> None:
    model = new_model()
    model.load_state_dict(torch.load(work / "train.ckpt", weights_only=False)["ema"])
    model.eval()
    print("dB on whole unseen pictures, ours and bicubic:", *(round(v, 2) for v in gain(model, 40)))
    model.save_pretrained(work / "checkpoint")
    Swin2SRImageProcessor().save_pretrained(work / "checkpoint")


def train(work: Path, args) -> None:
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    model = new_model()
    optimiser = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=1e-4)
    average = {name: value.clone() for name, value in model.state_dict().items()}
    pool, path, step = draw_pool(rng), work / "train.ckpt", 0
    if path.exists():
        state = torch.load(path, weights_only=False)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average, step = state["ema"], state["step"]
        rng.setstate(state["rng"])
    began, first, shown = time.time(), step, 0.0
    while step < args.steps:
        for group in optimiser.param_groups:
            group["lr"] = args.lr * min(1.0, (step + 1) / 50) * max(0.02, 0.5 * (1 + math.cos(math.pi * step / args.steps)))
        small, large = batch_of(rng, pool, args.batch)
        loss = (model(small).reconstruction - large).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        keep = min(0.995, step / (step + 10))
        for name, value in model.state_dict().items():
            average[name].lerp_(value, 1 - keep) if value.is_floating_point() else average[name].copy_(value)
        shown = 0.98 * shown + 0.02 * loss.item() if shown else loss.item()
        if step % 100 == 0:
            print(f"{step}/{args.steps} l1 {shown:.5f} {(time.time() - began) / (step - first):.3f} s/step", flush=True)
        if step % 200 == 0 or step == args.steps:
            parts = dict(model=model.state_dict(), optimiser=optimiser.state_dict(), ema=average, step=step, rng=rng.getstate())
            torch.save(parts, path.with_suffix(".part"))
            path.with_suffix(".part").rename(path)
        if step % 400 == 0:
            print("dB, ours and bicubic:", *(round(v, 2) for v in gain(model)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--save", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    if not args.save:
        train(args.work, args)
    save(args.work)


if __name__ == "__main__":
    main()
