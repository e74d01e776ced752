"""Trains the starter model: a Stable Diffusion of the usual parts, small enough for two CPU cores.

    python train.py                       # every stage, about 75 minutes on two cores
    python train.py --stage unet          # one stage
    python train.py --unet-steps 20000    # longer

Stages: `tokenizer`, `vae`, `latents`, `unet`, `save`. Each leaves its result in the work folder and is skipped when that
is complete; a stage that was interrupted continues from its last checkpoint. The result is a Diffusers checkpoint in
`work/diffusers`, which `models/export/export.py` turns into the package's files.

Nothing here is random but by the seed. Combinations for which `shapes.is_held_out` is true are never drawn.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

# Waiting threads sleep. When they spin instead, a machine that does anything else makes every step ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, EulerAncestralDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import shapes

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1] / "export"), str(HERE.parents[1] / "training")]
from learning import Ema, keep, rate, resume, run_stages, save_checkpoint  # noqa: E402
from small_tokenizer import make_tokenizer  # noqa: E402

LATENT_CHANNELS = 8
TEXT_WIDTH = 128
# Twice the longest caption. The full 77 would double the cost of a step and change no picture.
TEXT_LENGTH = 32
SCHEDULE = dict(
    num_train_timesteps=1000,
    # The usual curve, ended later: with flat pictures the usual end (0.012) leaves the background's colour readable in
    # the noisiest input, and the model learns to trust that instead of the words.
    beta_start=0.00085,
    beta_end=0.02,
    beta_schedule="scaled_linear",
    prediction_type="v_prediction",
)


# Models ------------------------------------------------------------------------------------------------------------------


def new_vae() -> AutoencoderKL:
    """Downsamples by 16. No attention: every part sees a bounded neighbourhood, so it may be trained on crops.

    One group for the norms: flat colours live in the ratio between channels, which finer groups would divide away. It
    starts as a linear map that keeps the variance (second convolutions zero, the others scaled by fan-in, posterior
    narrow); with the library's own start a deep narrow stack passes no signal and needs thousands of steps to find one.
    """
    vae = AutoencoderKL(
        block_out_channels=(8, 16, 32, 64, 64),
        down_block_types=("DownEncoderBlock2D",) * 5,
        up_block_types=("UpDecoderBlock2D",) * 5,
        latent_channels=LATENT_CHANNELS,
        layers_per_block=1,
        norm_num_groups=1,
        mid_block_add_attention=False,
        sample_size=shapes.SIDE,
    )
    with torch.no_grad():
        for name, module in vae.named_modules():
            if isinstance(module, torch.nn.Conv2d):
                module.bias.zero_()
                if name.endswith("conv2"):
                    module.weight.zero_()
                else:
                    module.weight.normal_(0, module.weight[0].numel() ** -0.5)
        vae.quant_conv.bias[LATENT_CHANNELS:] = -4
        vae.quant_conv.weight[LATENT_CHANNELS:] *= 0.1
    return vae


def new_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(32, 64, 96),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=TEXT_LENGTH,
            hidden_act="quick_gelu",
            projection_dim=TEXT_WIDTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def pixels(pictures: np.ndarray) -> torch.Tensor:
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last)


# Stages ------------------------------------------------------------------------------------------------------------------


def crop_batch(rng: random.Random, side: int, count: int) -> np.ndarray:
    out = []
    for _ in range(count):
        scene = shapes.training_scene(rng)
        picture = shapes.draw(scene)
        room = shapes.SIDE - side
        thing = rng.choice(scene.things)
        x, y = (min(max(int(c + rng.uniform(-0.9, 0.9) * thing.radius - side / 2), 0), room) for c in (thing.x, thing.y))
        out.append(picture[y : y + side, x : x + side])
    return np.stack(out)


def train_vae(work: Path, args) -> None:
    """First on small crops with an edge in them, which are cheap, then on larger ones, then on whole pictures."""
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    vae = new_vae().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(vae.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=1e-4)
    ema, step = Ema(vae, 0.995), 0
    path = work / "vae.ckpt"
    if path.exists():
        state = torch.load(path, weights_only=False)
        vae.load_state_dict(state["model"]); optimiser.load_state_dict(state["optimiser"])
        ema.shadow, ema.steps, step = state["ema"], state["step"], state["step"]
        rng.setstate(state["rng"])
    began, first, shown = time.time(), step, 0.0
    while step < args.vae_steps:
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * rate(step, args.vae_steps, 100, 0.6)
        done = step / args.vae_steps
        side, count = (64, 16) if done < 0.6 else (128, 8) if done < 0.8 else (256, 3)
        x = pixels(crop_batch(rng, side, count))
        posterior = vae.encode(x).latent_dist
        y = vae.decode(posterior.sample()).sample
        kl = posterior.kl().mean() / posterior.mean[0].numel()
        l1 = (y - x).abs().mean()
        loss = l1 + F.mse_loss(y, x) + args.kl * kl
        optimiser.zero_grad(); loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step(); ema.update()
        step += 1
        shown = 0.98 * shown + 0.02 * l1.item() if shown else l1.item()
        if step % 100 == 0:
            print(f"vae {step}/{args.vae_steps} l1 {shown:.4f} kl {kl.item():.3f} {(time.time() - began) / (step - first):.3f} s/step", flush=True)
        if step % 500 == 0:
            save_checkpoint(path, model=vae.state_dict(), optimiser=optimiser.state_dict(), ema=ema.shadow, step=step, rng=rng.getstate())
    ema.apply()
    vae.save_pretrained(work / "vae")


@torch.no_grad()
def encode_latents(work: Path, args) -> None:
    """The training set as latents, so that the UNet's training never runs the encoder; and the scaling factor."""
    vae = AutoencoderKL.from_pretrained(work / "vae").to(memory_format=torch.channels_last).eval()
    rng = random.Random(args.seed + 1)
    scenes = [shapes.training_scene(rng, pairs=0.33) for _ in range(args.scenes)]
    out = torch.empty(len(scenes), LATENT_CHANNELS, 16, 16)
    began = time.time()
    for i in range(0, len(scenes), 16):
        part = scenes[i : i + 16]
        out[i : i + 16] = vae.encode(pixels(np.stack([shapes.draw(s) for s in part]))).latent_dist.mean
        if i % 1600 == 0:
            print(f"latents {i}/{len(scenes)} {time.time() - began:.0f} s", flush=True)
    scale = 1 / out.std().item()
    vae.register_to_config(scaling_factor=round(scale, 5))
    vae.save_pretrained(work / "vae")
    print("scaling factor", scale, "channel mean", out.mean((0, 2, 3)).tolist(), "channel std", out.std((0, 2, 3)).tolist())
    save_checkpoint(work / "latents.pt", latents=out * vae.config.scaling_factor, scenes=scenes)


def spread_timesteps(count: int) -> torch.Tensor:
    """One timestep from each of `count` equal parts, which calms the loss. The last tenth of denoising, where little is
    left to decide and few steps ever land, is visited half as often."""
    u = (torch.randperm(count) + torch.rand(count)) / count
    return torch.where(u < 0.05, u * 2000, 100 + (u - 0.05) / 0.95 * 900).long().clamp(0, 999)


def difficulty(scene: shapes.Scene) -> float:
    """How much more often than a plain scene it is shown: outlines with inner corners are the last that are learnt."""
    return max({"star": 3.0, "cross": 2.0}.get(t.shape, 1.0) * (1.5 if t.size == "small" else 1.0) for t in scene.things)


def average_gradients(parameters: list[torch.nn.Parameter], workers: int) -> None:
    flat = torch.cat([p.grad.flatten() for p in parameters])
    dist.all_reduce(flat)
    flat /= workers
    torch._foreach_copy_([p.grad for p in parameters], [g.view_as(p) for g, p in zip(flat.split([p.numel() for p in parameters]), parameters)])


def train_unet(work: Path, args) -> None:
    """One process a core, each with its own share of the batch: at this size threads mostly wait for one another."""
    with tempfile.TemporaryDirectory() as meeting:
        torch.multiprocessing.spawn(train_unet_worker, (work, args, f"file://{meeting}/point"), nprocs=args.workers)


def train_unet_worker(rank: int, work: Path, args, meeting: str) -> None:
    torch.set_num_threads(max(1, args.threads // args.workers))
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=args.workers)
    torch.manual_seed(args.seed + 2)
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    data = torch.load(work / "latents.pt", weights_only=False)
    latents, scenes = data["latents"], data["scenes"]
    text, unet = new_text_encoder(tokenizer), new_unet()
    both = torch.nn.ModuleList([text, unet])
    optimiser = torch.optim.AdamW(both.parameters(), lr=args.lr, betas=(0.9, 0.99), weight_decay=1e-2)
    ema, path = Ema(both, 0.999), work / "unet.ckpt"
    step = resume(path, both, optimiser, ema)
    # Every worker its own pictures and noise, and after an interruption others than before it.
    rng = random.Random(f"{args.seed} {rank} {step}")
    torch.manual_seed(rng.randrange(2**32))
    weights = list(itertools.accumulate(difficulty(scene) for scene in scenes))
    alphas = DDIMScheduler(**SCHEDULE).alphas_cumprod
    known: dict[str, list[int]] = {}

    def tokens(words: str) -> list[int]:
        if words not in known:
            known[words] = tokenizer(words, padding="max_length", max_length=TEXT_LENGTH, truncation=True).input_ids
        return known[words]

    def save() -> None:
        if rank == 0:
            keep(path, both, optimiser, ema, step)

    count = args.batch // args.workers
    began, first, shown = time.time(), step, 0.0
    while step < args.unet_steps:
        for group in optimiser.param_groups:
            group["lr"] = args.lr * rate(step, args.unet_steps, warm=200, decay=0.35)
        chosen = rng.choices(range(len(scenes)), cum_weights=weights, k=count)
        ids = torch.tensor([tokens("" if rng.random() < 0.1 else shapes.caption(rng, scenes[i])) for i in chosen])
        x = latents[chosen]
        t = spread_timesteps(count)
        a, b = alphas[t].sqrt().view(-1, 1, 1, 1), (1 - alphas[t]).sqrt().view(-1, 1, 1, 1)
        noise = torch.randn_like(x)
        predicted = unet(a * x + b * noise, t, text(ids).last_hidden_state).sample
        loss = F.mse_loss(predicted, a * noise - b * x)
        optimiser.zero_grad()
        loss.backward()
        learning = [p for p in both.parameters() if p.grad is not None]
        average_gradients(learning, args.workers)
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimiser.step()
        ema.update()
        step += 1
        shown = 0.99 * shown + 0.01 * loss.item() if shown else loss.item()
        if rank == 0 and step % 100 == 0:
            print(f"unet {step}/{args.unet_steps} loss {shown:.4f} {(time.time() - began) / (step - first):.3f} s/step", flush=True)
        if step % 500 == 0:
            save()
    save()


def save_pipeline(work: Path, args) -> None:
    """The averaged weights of the last checkpoint, as an ordinary Diffusers checkpoint. May be run while training goes on."""
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    both = torch.nn.ModuleList([new_text_encoder(tokenizer), new_unet()])
    for p, s in zip(both.parameters(), torch.load(work / "unet.ckpt", weights_only=False)["ema"]):
        p.data.copy_(s)
    settings = dict(timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=False, steps_offset=0)
    StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(work / "vae"),
        text_encoder=both[0].eval(),
        tokenizer=tokenizer,
        unet=both[1].eval(),
        # Each step adds fresh noise, and what an earlier one got wrong is drawn anew: better by ten in a hundred captions.
        scheduler=EulerAncestralDiscreteScheduler(**SCHEDULE, timestep_spacing="trailing"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(work / "diffusers")
    # The pipeline adjusts an old setting on its way; and the library leaves out the tokenizer's published files.
    # PNDM needs to be told what every published configuration says.
    config = {"_class_name": "EulerAncestralDiscreteScheduler", **SCHEDULE, **settings, "skip_prk_steps": True}
    (work / "diffusers" / "scheduler" / "scheduler_config.json").write_text(json.dumps(config, indent=2) + "\n")
    shutil.copytree(work / "tokenizer", work / "diffusers" / "tokenizer", dirs_exist_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--stage", choices=("tokenizer", "vae", "latents", "unet", "save"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--vae-steps", type=int, default=4000)
    parser.add_argument("--kl", type=float, default=5e-4)
    parser.add_argument("--scenes", type=int, default=8000)
    parser.add_argument("--unet-steps", type=int, default=12000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2, help="processes that train the UNet together")
    parser.add_argument("--lr", type=float, default=1e-3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    stages = {
        "tokenizer": (lambda: make_tokenizer(args.work / "tokenizer", shapes.vocabulary_corpus(), length=TEXT_LENGTH), args.work / "tokenizer" / "tokenizer_config.json"),
        "vae": (lambda: train_vae(args.work, args), args.work / "vae"),
        "latents": (lambda: encode_latents(args.work, args), args.work / "latents.pt"),
        "unet": (lambda: train_unet(args.work, args), None),
        "save": (lambda: save_pipeline(args.work, args), None),
    }
    run_stages(args.stage, stages)


if __name__ == "__main__":
    main()
