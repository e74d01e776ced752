"""Trains the starter video model: a Stable Video Diffusion of the usual parts, small enough for one CPU core.

    python train.py                        # every stage; begins where the text-to-image starter's training ended
    python train.py --stage unet           # one stage
    python train.py --still-image DIR      # that training's work folder, when it is not the usual one

Stages: `vae`, `films`, `unet`, `save`, `export`. Each leaves its result in the work folder and is skipped when that is
complete; a stage that was interrupted continues from its last checkpoint. As Stable Video Diffusion was made from Stable
Diffusion, this begins with the autoencoder and the encoded scenes of `starter-text-to-image`.

Nothing here is random but by the seed. Combinations for which `shapes.is_held_out` is true are never drawn.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import time
from functools import partial
from pathlib import Path

# Waiting threads sleep. When they spin instead, a machine that does anything else makes every step ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image


class OneGroup(torch.nn.GroupNorm):
    """The model's classes ask for 32 groups. Tiny layers have one: flat colours live in the ratio between channels."""

    def __init__(self, num_groups: int, num_channels: int, *args, **more):
        super().__init__(1, num_channels, *args, **more)


torch.nn.GroupNorm = OneGroup

from diffusers import AutoencoderKL, AutoencoderKLTemporalDecoder, EulerDiscreteScheduler, StableVideoDiffusionPipeline, UNetSpatioTemporalConditionModel  # noqa: E402
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection  # noqa: E402

HERE = Path(__file__).parent
STILL_IMAGE = HERE.parents[1] / "starter-text-to-image" / "train"
sys.path[:0] = [str(STILL_IMAGE), str(HERE.parents[1] / "export"), str(HERE.parents[1] / "training")]
import shapes  # noqa: E402
from learning import run_stages, save_checkpoint  # noqa: E402

CELL = 16  # pixels a side for each latent element
FRAMES = 8
# How far everything sways, in cells, frame by frame; once around, so that the film can be repeated.
SWAYS = ((0, 0, 0, 0, 0, 0, 0, 0), (0, 1, 1, 0, 0, -1, -1, 0), (0, 1, 2, 1, 0, -1, -2, -1))
# The amounts of motion that mean each of these. What lies between was never asked in training.
BUCKETS = ((0, 58), (70, 154), (166, 255))
LATENTS = 8
EMBEDDING = 32
CONDITION = 16
# How far each frame is taken from the answer without the picture towards the one with it. The pipeline leaves no choice, and a
# film that follows from its picture gains nothing by it: so without the picture the model learns to say nothing, and with it so
# much less as is added again.
GUIDANCE = torch.linspace(1, 3, FRAMES).view(1, FRAMES, 1, 1, 1)
# For so much of training the UNet is shown strips only.
STRIPS = 0.9
# The levels of noise, of latents with unit variance.
SIGMAS = (4.0, 80.0)
SCHEDULER = dict(
    _class_name="EulerDiscreteScheduler", beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
    interpolation_type="linear", num_train_timesteps=1000, prediction_type="v_prediction", set_alpha_to_one=False, sigma_min=SIGMAS[0],
    sigma_max=SIGMAS[1], skip_prk_steps=True, steps_offset=1, timestep_spacing="leading", timestep_type="continuous", trained_betas=None,
    use_karras_sigmas=True,
)


# Models ------------------------------------------------------------------------------------------------------------------


def new_vae(still: AutoencoderKL) -> AutoencoderKLTemporalDecoder:
    """The still pictures' autoencoder. What it has more, attention and layers that look at neighbouring frames, passes on."""
    config = still.config
    vae = AutoencoderKLTemporalDecoder(
        block_out_channels=config.block_out_channels, down_block_types=config.down_block_types, layers_per_block=config.layers_per_block,
        latent_channels=config.latent_channels, sample_size=config.sample_size, scaling_factor=config.scaling_factor, force_upcast=False,
    )
    given = dict(still.state_dict())
    # These classes have neither the matrix between latents and decoder, which goes into its first convolution, nor the
    # bottleneck's second block, without which pictures are as good.
    after, bias = given.pop("post_quant_conv.weight")[:, :, 0, 0], given.pop("post_quant_conv.bias")
    own = vae.state_dict()
    with torch.no_grad():
        for name, value in own.items():
            plain = name.replace("spatial_res_block.", "")
            if plain in given:
                value.copy_(given[plain])
            elif name.endswith(("to_out.0.weight", "to_out.0.bias", "temporal_res_block.conv2.weight", "temporal_res_block.conv2.bias")):
                value.zero_()
        vae.load_state_dict(own)
        conv = vae.decoder.conv_in
        before = conv.weight.clone()
        conv.weight.copy_(torch.einsum("omhw,mi->oihw", before, after))
        conv.bias.add_(torch.einsum("omhw,m->o", before, bias))
        vae.decoder.time_conv_out.weight.zero_()
        vae.decoder.time_conv_out.weight[range(3), range(3), 1, 0, 0] = 1
        vae.decoder.time_conv_out.bias.zero_()
    return vae


def new_unet() -> UNetSpatioTemporalConditionModel:
    unet = UNetSpatioTemporalConditionModel(
        sample_size=16, in_channels=2 * LATENTS, out_channels=LATENTS, block_out_channels=(7 * LATENTS, 8 * LATENTS), layers_per_block=1,
        num_frames=FRAMES, down_block_types=("DownBlockSpatioTemporal",) * 2, up_block_types=("UpBlockSpatioTemporal",) * 2,
        num_attention_heads=(4, 4), cross_attention_dim=EMBEDDING, addition_time_embed_dim=CONDITION,
        projection_class_embeddings_input_dim=3 * CONDITION,
    )
    with torch.no_grad():
        begin(unet)
    return unet


def begin(unet: UNetSpatioTemporalConditionModel) -> None:
    """Where training begins: each frame is a mix of the picture at five places, and how much of each is there is open.

    From the library's own start the model learns in minutes to show all places at once, blurred, and then sits on a saddle:
    which frame it is does not help before there is something sharp to choose from, and the other way round. So the first
    convolution has the picture beside itself; the last block has units for each place, which what the middle says of frame
    and motion can open and close; and what the middle says is loud. Pairs of opposite sign pass the activations unchanged:
    silu(x) - silu(-x) = x.
    """
    for name, value in unet.named_parameters():
        if "temporal_res_block.conv2" in name:
            value.zero_()
        if "add_embedding.linear_2.weight" in name:
            value.mul_(4)
        if "time_emb_proj.weight" in name:
            value.mul_(5)
        if "time_pos_embed.linear_2.weight" in name:
            value.mul_(25)
        if "mid_block.attentions" in name and name.endswith("time_mixer.mix_factor"):
            value.fill_(-1)
        if "downsamplers" in name:
            value.mul_(0.3)
        if "mid_block.attentions" in name and name.endswith("proj_out.weight"):
            value.mul_(2)
    unet.add_embedding.linear_1.weight.copy_(told_motion_only(unet.add_embedding.linear_1.weight))

    quiet, each = 0.25, torch.arange(LATENTS)
    copies = 3 * LATENTS
    unet.conv_in.weight.zero_()
    unet.conv_in.bias.zero_()
    for tap in range(3):
        for sign in (1, -1):
            at = tap * LATENTS + (0 if sign > 0 else copies)
            unet.conv_in.weight[at + each, LATENTS + each, 1, tap] = sign * quiet * 1.35
    unet.conv_in.weight[2 * copies + each, each, 1, 1] = 1.0

    wide = 7 * LATENTS
    first, last = (resnet.spatial_res_block for resnet in unet.up_blocks[1].resnets)
    # What the middle says goes on as it is, and so it is all that the last block gets besides the copies.
    first.conv2.weight.zero_()
    first.conv_shortcut.weight[:, 8 * LATENTS :] = 0
    first.conv_shortcut.weight[:, : 8 * LATENTS].normal_(0, LATENTS**-0.5)
    opens = torch.randn(5, wide) * 0.1
    last.conv1.weight.mul_(0.1)
    last.conv1.bias.zero_()
    for place, (tap, at) in enumerate(((2, 2), (1, 2), (1, 1), (1, 0), (0, 0))):
        units = place * LATENTS + each
        last.conv1.weight[units] = 0
        last.conv1.weight[units, :wide, 1, 1] = opens[place]
        last.conv1.weight[units, wide + at * LATENTS + each, 1, tap] = 0.7 / quiet
        last.conv1.weight[units, wide + copies + at * LATENTS + each, 1, tap] = -0.7 / quiet
        last.time_emb_proj.weight[units] = 0
        last.time_emb_proj.bias[units] = 0
    last.conv2.weight.zero_()
    last.conv_shortcut.weight[: 2 * LATENTS] = 0
    last.conv_shortcut.bias.zero_()
    last.conv_shortcut.weight[2 * LATENTS :, wide:] = 0
    unet.conv_out.weight.zero_()
    for sign in (1, -1):
        at = each + (0 if sign > 0 else LATENTS)
        for place in range(5):
            last.conv2.weight[at, place * LATENTS + each, 1, 1] = sign * 0.5
        unet.conv_out.weight[each, at, 1, 1] = -sign * 0.5


def told_motion_only(weight: torch.Tensor) -> torch.Tensor:
    """Frame rate and noise, told before and behind the motion, say nothing of what the frames show."""
    mask = torch.zeros_like(weight)
    mask[:, CONDITION : 2 * CONDITION] = 1
    return weight * mask


def new_image_encoder(seed: int) -> CLIPVisionModelWithProjection:
    """Not trained: a few random views of the picture, which the UNet learns to make of what it can."""
    torch.manual_seed(seed)
    model = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=EMBEDDING, intermediate_size=2 * EMBEDDING, num_hidden_layers=1, num_attention_heads=2, image_size=64, patch_size=16,
            projection_dim=EMBEDDING, hidden_act="gelu",
        )
    ).eval()
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.normal_(0, p[0].numel() ** -0.5)
    return model


def planes(pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float()


def views(pictures: np.ndarray) -> torch.Tensor:
    small = np.stack([np.asarray(Image.fromarray(p).resize((64, 64), Image.Resampling.BICUBIC)) for p in pictures])
    processor = CLIPImageProcessor()
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in (processor.image_mean, processor.image_std))
    return (planes(small) / 255 - mean) / deviation


# Stages ------------------------------------------------------------------------------------------------------------------


def make_vae(work: Path, args) -> None:
    new_vae(AutoencoderKL.from_pretrained(args.still_image / "vae")).save_pretrained(work / "vae")


def reach(scene: shapes.Scene) -> tuple[float, float]:
    """How far left and right the things of a scene go."""
    return min(t.x - t.radius for t in scene.things), max(t.x + t.radius for t in scene.things)


def largest_sway(scene: shapes.Scene) -> int:
    """The largest of the motions after which everything is still in the picture."""
    left, right = reach(scene)
    return max(n for n in range(len(SWAYS)) if n == 0 or (left - CELL * n >= 1 and right + CELL * n <= shapes.SIDE - 1))


def is_far_from_edges(scene: shapes.Scene) -> bool:
    left, right = reach(scene)
    return left >= 3.25 * CELL and right <= shapes.SIDE - 3.25 * CELL


def moved(latents: torch.Tensor, by: int) -> torch.Tensor:
    """The latents of a scene far from the edges, moved sideways. An edge changes latents two cells deep; that stays."""
    out = torch.roll(latents, by, -1)
    if by > 0:
        out[..., 2 : 2 + by] = latents[..., 2:3]
    if by < 0:
        out[..., by - 2 : -2] = latents[..., -3:-2]
    out[..., :2], out[..., -2:] = latents[..., :2], latents[..., -2:]
    return out


@torch.no_grad()
def make_films(work: Path, args) -> None:
    """Scenes as latents, at every place where they will be. Only those that come near an edge must be drawn anew there."""
    data = torch.load(args.still_image / "latents.pt", weights_only=False)
    vae = AutoencoderKLTemporalDecoder.from_pretrained(work / "vae").eval()
    eye = new_image_encoder(args.seed)
    scale = vae.config.scaling_factor
    rng = random.Random(args.seed)
    order = list(range(len(data["scenes"])))
    rng.shuffle(order)
    most = max(map(max, SWAYS))
    places, embeddings, sways, near = [], [], [], 0
    began = time.process_time()
    for i in order:
        scene = data["scenes"][i]
        sway = largest_sway(scene)
        if sway == 0 or len(places) == args.scenes or (not is_far_from_edges(scene) and near >= args.near_edges):
            continue
        still = data["latents"][i]
        picture = shapes.draw(scene)
        if is_far_from_edges(scene):
            sway = min(sway, 2 if reach(scene)[0] >= 4.25 * CELL and reach(scene)[1] <= shapes.SIDE - 4.25 * CELL else 1)
            film = torch.stack([moved(still, by if abs(by) <= sway else 0) for by in range(-most, most + 1)])
        else:
            near += 1
            shown = [by for by in range(-most, most + 1) if by and abs(by) <= sway]
            anew = vae.encode(planes(np.stack([np.roll(picture, CELL * by, 1) for by in shown])) / 127.5 - 1).latent_dist.mean * scale
            film = still.repeat(2 * most + 1, 1, 1, 1)
            film[[by + most for by in shown]] = anew
        places.append(film)
        sways.append(sway)
        embeddings.append(eye(views(picture[None])).image_embeds[0])
        if len(places) % 200 == 0:
            print(f"films {len(places)}/{args.scenes}, {near} near an edge, {time.process_time() - began:.0f} s", flush=True)
    save_checkpoint(work / "films.pt", places=torch.stack(places).half(), sways=torch.tensor(sways), embeddings=torch.stack(embeddings), scale=scale)


def batch_of(data, count: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Films, the pictures they begin with, what is seen of these, and the amount of motion asked for."""
    at = torch.randint(len(data["sways"]), (count,), generator=generator)
    most = max(map(max, SWAYS))
    films, motions = [], []
    for i in at.tolist():
        u = torch.rand(2, generator=generator)
        sway = min(int(u[0] * 2.3 + 0.7), int(data["sways"][i]))
        least, last = BUCKETS[sway]
        motions.append(least + float(u[1]) * (last - least))
        films.append(data["places"][i, [by + most for by in SWAYS[sway]]].float())
    film = torch.stack(films)
    return film, film[:, 0] / data["scale"], data["embeddings"][at], torch.tensor(motions)


def train_unet(work: Path, args) -> None:
    data = torch.load(work / "films.pt", weights_only=False)
    torch.manual_seed(args.seed)
    unet = new_unet()
    optimiser = torch.optim.AdamW(unet.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=1e-3)
    average, step = [p.detach().clone() for p in unet.parameters()], 0
    path = work / "unet.ckpt"
    if path.exists():
        state = torch.load(path, weights_only=False)
        unet.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average, step = state["ema"], state["step"]
    generator = torch.Generator().manual_seed(args.seed + step)
    fast_frames(unet)
    spread = (math.log(SIGMAS[0]), math.log(2 * SIGMAS[1]))
    began, first, shown = time.time(), step, {}
    while step < args.unet_steps:
        for group in optimiser.param_groups:
            group["lr"] = args.lr * min(1.0, (step + 1) / 30) * max(0.02, 0.5 * (1 + math.cos(math.pi * step / args.unet_steps)))
        film, picture, embedding, motion = batch_of(data, args.batch, generator)
        if step < args.unet_steps * STRIPS:
            # Things move sideways, so that for most of the time a strip of the picture teaches as much for half the price.
            top = int(torch.randint(0, 9, (), generator=generator))
            film, picture = film[..., top : top + 8, :], picture[..., top : top + 8, :]
        # A level of noise from each of as many equal parts as there are films.
        u = (torch.arange(args.batch) + torch.rand(args.batch, generator=generator)) / args.batch
        sigma = torch.exp(spread[0] + u * (spread[1] - spread[0])).view(-1, 1, 1, 1, 1)
        noisy = film + sigma * torch.randn(film.shape, generator=generator)
        picture = picture + 0.03 * torch.randn(picture.shape, generator=generator)
        is_shown = (torch.rand(args.batch, generator=generator) >= args.unseen).float()
        said, wanted = answer(unet, noisy, film, sigma, picture * is_shown.view(-1, 1, 1, 1), embedding * is_shown.view(-1, 1), motion)
        seen = is_shown.view(-1, 1, 1, 1, 1)
        loss = ((GUIDANCE - 1 + seen) * said - seen * wanted).square().mean((1, 2, 3, 4))
        optimiser.zero_grad()
        loss.mean().backward()
        unet.add_embedding.linear_1.weight.grad = told_motion_only(unet.add_embedding.linear_1.weight.grad)
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimiser.step()
        step += 1
        torch._foreach_lerp_(average, [p.detach() for p in unet.parameters()], 1 - min(0.998, step / (step + 10)))
        for i, value in enumerate(loss.tolist()):
            if is_shown[i]:
                shown[i] = 0.98 * shown.get(i, value) + 0.02 * value
        if step % 50 == 0:
            losses = " ".join(f"{shown[i]:.4f}" for i in sorted(shown))
            print(f"unet {step}/{args.unet_steps} losses, little noise to much: {losses} {(time.time() - began) / (step - first):.3f} s/step", flush=True)
        if step % 100 == 0 or step == args.unet_steps:
            save_checkpoint(path, model=unet.state_dict(), optimiser=optimiser.state_dict(), ema=average, step=step)


def answer(unet, noisy, film, sigma, picture, embedding, motion) -> tuple[torch.Tensor, torch.Tensor]:
    """What the model says, and what it should: velocity, as the scheduler understands it."""
    size = (sigma**2 + 1).sqrt()
    seen = torch.cat([noisy / size, picture[:, None].expand(-1, FRAMES, -1, -1, -1)], 2)
    told = torch.stack([torch.full_like(motion, 5.0), motion, torch.full_like(motion, 0.02)], 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        said = unet(seen, 0.25 * sigma.flatten().log(), embedding[:, None], told).sample
    return said.float(), (noisy / size**2 - film) * size / sigma


def fast_frames(unet: torch.nn.Module) -> None:
    """The same convolution over frames, as one over a plane: many times as fast on a CPU."""

    def forward(conv: torch.nn.Conv3d, x: torch.Tensor) -> torch.Tensor:
        batch, channels, frames, height, width = x.shape
        flat = F.conv2d(x.reshape(batch, channels, frames, height * width), conv.weight.flatten(3), conv.bias, padding=(conv.padding[0], 0))
        return flat.view(batch, -1, frames, height, width)

    for module in unet.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.forward = forward.__get__(module)


def averaged_unet(work: Path) -> UNetSpatioTemporalConditionModel:
    unet = new_unet()
    with torch.no_grad():
        for p, s in zip(unet.parameters(), torch.load(work / "unet.ckpt", weights_only=False)["ema"]):
            p.copy_(s)
    return unet.eval()


def save_pipeline(work: Path, args) -> None:
    """The averaged weights of the last checkpoint, as an ordinary Diffusers checkpoint. May be run while training goes on."""
    StableVideoDiffusionPipeline(
        vae=AutoencoderKLTemporalDecoder.from_pretrained(work / "vae"), image_encoder=new_image_encoder(args.seed), unet=averaged_unet(work),
        scheduler=EulerDiscreteScheduler.from_config(SCHEDULER), feature_extractor=CLIPImageProcessor(),
    ).save_pretrained(work / "diffusers")
    # The library leaves out what it does not use.
    (work / "diffusers" / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER, indent=2) + "\n")


def export(work: Path, args) -> None:
    """In this process, since the classes must be built with the same norms."""
    from export_svd import export_svd

    export_svd(work / "diffusers", work / "model", storage="fp16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--still-image", type=Path, default=STILL_IMAGE / "work")
    parser.add_argument("--stage", choices=("vae", "films", "unet", "save", "export"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--scenes", type=int, default=3000)
    parser.add_argument("--near-edges", type=int, default=400, help="how many of the scenes may come near an edge")
    parser.add_argument("--unet-steps", type=int, default=3200)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--unseen", type=float, default=0.2, help="share of films for which the picture is not shown")
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    stages = {
        "vae": (make_vae, args.work / "vae"),
        "films": (make_films, args.work / "films.pt"),
        "unet": (train_unet, None),
        "save": (save_pipeline, None),
        "export": (export, None),
    }
    run_stages(args.stage, {name: (partial(run, args.work, args), result) for name, (run, result) in stages.items()})


if __name__ == "__main__":
    main()
