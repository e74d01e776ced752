"""Trains the segmentation starter: a SAM 2 of the usual parts, small enough for one CPU core.

    python train.py                       # every stage
    python train.py --stage train         # one stage
    python train.py --steps 5000          # longer

Stages: `outlines`, `train`, `save`. Each leaves its result in the work folder and is skipped when that is complete; training
that was interrupted continues from its last checkpoint. The result is a Transformers checkpoint in `work/checkpoint`, which
`models/export/export_sam2.py` turns into the package's files.

The scenes are the drawing starter's (`shapes.py`), and others in which the same shapes lie anywhere, also over one another.
Combinations for which `shapes.is_held_out` is true are never shown. Nothing here is random but by the seed.

What the four masks are trained to be: the thing that is meant (the single answer, and the first to choose from), all things,
and all that has the meant thing's colour. Each mask's score is its overlap with the thing that is meant.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import sys
import time
from pathlib import Path

# Waiting threads sleep. When they spin instead, a machine that does anything else makes every step ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
import torch.nn.functional as F
from transformers import Sam2Config, Sam2HieraDetConfig, Sam2MaskDecoderConfig, Sam2Model, Sam2PromptEncoderConfig, Sam2VisionConfig
from transformers.models.sam2.modeling_sam2 import Sam2Attention

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1] / "training"), str(HERE.parents[1] / "starter-image-to-text" / "train"), str(HERE.parents[1] / "starter-text-to-image" / "train")]
import shapes  # noqa: E402
from learning import Ema, decaying_adamw, keep, rate, resume, run_stages, save_checkpoint  # noqa: E402
from worn import bent, composed, cover_of, worn  # noqa: E402

SIDE = 128
FINE = SIDE // 4  # masks as the model makes them
JUDGED = SIDE // 2  # masks as they are compared: finer, so that the model learns to place edges between its own pixels
HIDDEN = 96
STAGES = (32, 64, 96, 128)
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
COLOURS = list(shapes.COLOURS)
NOTHING, OFF, ON, BOX_START, BOX_END = -1, 0, 1, 2, 3


# The model ---------------------------------------------------------------------------------------------------------------


def new_model() -> Sam2Model:
    """Weights start with the scale that keeps the variance; the library's start is made for wide models."""
    backbone = Sam2HieraDetConfig(
        hidden_size=STAGES[0], image_size=[SIDE, SIDE], blocks_per_stage=[1, 1, 2, 1], embed_dim_per_stage=list(STAGES), num_attention_heads_per_stage=[1, 2, 4, 4],
        window_size_per_stage=[8, 8, 8, 4], global_attention_blocks=[3], window_positional_embedding_background_size=[8, 8], mlp_ratio=3.0,
    )
    vision = Sam2VisionConfig(
        backbone_config=backbone.to_dict(), backbone_channel_list=list(STAGES[::-1]), fpn_hidden_size=HIDDEN,
        backbone_feature_sizes=[[FINE, FINE], [FINE // 2, FINE // 2], [FINE // 4, FINE // 4]],
        fpn_top_down_levels=[0, 1, 2, 3],  # fine features learn what the coarse ones know of the whole picture
    )
    prompts = Sam2PromptEncoderConfig(hidden_size=HIDDEN, image_size=SIDE, patch_size=16, mask_input_channels=16)
    decoder = Sam2MaskDecoderConfig(hidden_size=HIDDEN, mlp_dim=2 * HIDDEN, num_attention_heads=4, iou_head_hidden_dim=64)
    model = Sam2Model(Sam2Config(vision_config=vision.to_dict(), prompt_encoder_config=prompts.to_dict(), mask_decoder_config=decoder.to_dict()))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
                module.weight.normal_(0, module.weight[0].numel() ** -0.5)
            if isinstance(module, torch.nn.ConvTranspose2d):
                module.weight.normal_(0, module.weight.shape[0] ** -0.5)
            if isinstance(module, torch.nn.Embedding):
                module.weight.normal_(0, 0.5)
        # Quiet beginnings: with levels that add up to three times this, every step shook the encoder too much for it to learn.
        for conv in model.vision_encoder.neck.convs:
            conv.weight.mul_(0.3)
        for block in model.vision_encoder.backbone.blocks:
            block.attn.proj.weight.mul_(0.5)
            block.mlp.proj_out.weight.mul_(0.5)
        # Places are looked up by likeness from the first step on: questions and keys are made alike. Left to chance, it takes
        # most of a short training until a point finds the part of the picture in which it lies.
        for module in model.mask_decoder.modules():
            if isinstance(module, Sam2Attention):
                module.q_proj.weight.mul_(1.5)
                module.k_proj.weight.copy_(module.q_proj.weight)
        for mlp in model.mask_decoder.output_hypernetworks_mlps:
            mlp.proj_out.weight.mul_(0.3)
        # A buffer in both places where it is used, and rounded as it is stored.
        places = torch.randn(2, HIDDEN // 2).half().float()
        model.shared_image_embedding.positional_embedding.copy_(places)
        model.prompt_encoder.shared_embedding.positional_embedding.copy_(places)
    return model


def looked(model: Sam2Model, pixels: torch.Tensor) -> tuple[list[torch.Tensor], tuple[torch.Tensor, ...]]:
    """What the prompts meet, fine to coarse, and the features it was made from. The library's own function for it learns nothing."""
    levels = model.vision_encoder(pixels).fpn_hidden_states
    fine, medium, coarse = levels
    decoder = model.mask_decoder
    return [decoder.conv_s0(fine), decoder.conv_s1(medium), coarse + model.no_memory_embedding.view(1, -1, 1, 1)], levels


def asked(model: Sam2Model, seen: list[torch.Tensor], points: torch.Tensor, labels: torch.Tensor, masks: torch.Tensor | None):
    """Four masks and scores a prompt: points are [pictures, prompts, places, 2]."""
    pictures, prompts = points.shape[:2]
    encoder, decoder = model.prompt_encoder, model.mask_decoder
    sparse = encoder._embed_points(points, labels, pad=False).flatten(0, 1)[:, None]
    dense = encoder.no_mask_embed.weight.reshape(1, -1, 1, 1) if masks is None else encoder.mask_embed(masks)
    told = [level.repeat_interleave(prompts, dim=0) for level in seen]
    # Left to the library, the single answer would be chosen here; all four are wanted.
    decoder._dynamic_multimask_via_stability = lambda made, scores: (made, scores)
    mode = decoder.training
    decoder.training = False
    places = model.get_image_wide_positional_embeddings().expand(pictures * prompts, -1, -1, -1)
    made, scores, _, exists = decoder(
        image_embeddings=told[2], image_positional_embeddings=places, sparse_prompt_embeddings=sparse, dense_prompt_embeddings=dense,
        multimask_output=False, high_resolution_features=told[:2],
    )
    decoder.training = mode
    return made[:, 0], scores[:, 0], exists.flatten()


# Data --------------------------------------------------------------------------------------------------------------------


def anywhere(rng: random.Random) -> shapes.Scene:
    """One or two things of any size and place, the second perhaps over a part of the first."""
    things = []
    for _ in range(rng.choice((1, 2, 2))):
        radius = rng.uniform(24, 90)
        x, y = (rng.uniform(min(0.8 * radius, 120), max(shapes.SIDE - 0.8 * radius, 136)) for _ in range(2))
        things.append(shapes.Thing(rng.choice(shapes.SHAPES), "red", None, x, y, radius))
    return shapes.Scene("black", tuple(things), "anywhere")


def arranged(rng: random.Random) -> shapes.Scene:
    if rng.random() < 0.45:
        one, two = ((rng.choice(shapes.SHAPES), "red") for _ in range(2))
        return shapes.pair(rng, one, two, rng.choice(("left of", "above")), "black")
    size = rng.choice(list(shapes.SIZES))
    place = rng.choice(list(shapes.PLACES)) if size != "large" and rng.random() < 0.4 else None
    return shapes.single(rng, rng.choice(shapes.SHAPES), "red", size, "black", place)


def outlines(work: Path, args) -> None:
    """Scenes as the coverage of each of their two things, in the model's size: colours are added when they are used."""
    rng = random.Random(args.seed)
    scenes, cover = [], np.zeros((args.scenes, 2, SIDE, SIDE), np.uint8)
    while len(scenes) < args.scenes:
        scene = anywhere(rng) if rng.random() < 0.4 else arranged(rng)
        drawn = [cover_of(thing, SIDE).astype(np.float32) for thing in scene.things]
        if len(drawn) == 2 and (drawn[0] * (1 - drawn[1] / 255)).sum() < 0.4 * drawn[0].sum():
            continue
        for k, one in enumerate(drawn):
            cover[len(scenes), k] = one
        scenes.append(scene)
    save_checkpoint(work / "outlines.pt", scenes=scenes, cover=torch.from_numpy(cover))


def is_kept_out(scene: shapes.Scene, background: str, colours: list[str]) -> bool:
    """Whether the scene in these colours shows a combination that is held out, in whichever order or size."""
    things = [f"{c} {t.shape}" for t, c in zip(scene.things, colours)]
    if len(things) == 1:
        sizes = [scene.things[0].size] if scene.things[0].size else list(shapes.SIZES)
        return any(shapes.is_held_out(f"{size} {things[0]} on {background}") for size in sizes)
    told = [scene.relation] if scene.relation in ("left of", "above") else ["left of", "above"]
    orders = [things] if scene.relation in ("left of", "above") else [things, things[::-1]]
    return any(shapes.is_held_out(f"{a} {r} {b} on {background}") for a, b in orders for r in told)


def coloured(rng: random.Random, scene: shapes.Scene) -> tuple[np.ndarray, list[np.ndarray], bool]:
    """Colours of the ground and both things, and whether the things' are the same. One in five scenes has any colours at all."""
    if rng.random() < 0.2:
        def far(others):
            while True:
                made = np.array([rng.uniform(0, 255) for _ in range(3)])
                if all(np.abs(made - other).max() > 70 for other in others):
                    return made

        ground = far([])
        one = far([ground])
        same = rng.random() < 0.2
        return ground, [one, one if same else far([ground, one])], same
    while True:
        background = rng.choice(COLOURS)
        others = [c for c in COLOURS if c != background]
        colours = [rng.choice(others) for _ in scene.things]
        if not is_kept_out(scene, background, colours):
            break
    one, two = colours[0], colours[-1]
    return np.array(shapes.COLOURS[background]), [np.array(shapes.COLOURS[c]) for c in (one, two)], one == two


def turned(cover: torch.Tensor) -> torch.Tensor:
    """The whole batch mirrored and laid on its side, or not."""
    for dim in (-1, -2):
        if torch.rand(()) < 0.5:
            cover = cover.flip(dim)
    return cover.transpose(-1, -2) if torch.rand(()) < 0.5 else cover


def batch_of(rng: random.Random, scenes: list[shapes.Scene], cover: torch.Tensor):
    """Pixels as the model sees them, the visible part of two things and the ground, and which scenes have one colour for both."""
    count = len(scenes)
    colours = [coloured(rng, s) for s in scenes]

    def table(rows: list[np.ndarray]) -> torch.Tensor:
        rgb = torch.tensor(np.stack(rows), dtype=torch.float32)
        return rgb + torch.randn_like(rgb) * 7 * torch.rand(count, 1)

    cover = bent(turned(cover.float() / 255), 2.0)
    x = worn(composed(table([c[0] for c in colours]), [table([c[1][k] for c in colours]) for k in range(2)], cover))
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, DEVIATION))
    fine = F.avg_pool2d(cover, SIDE // JUDGED)
    one, two = fine[:, 0] * (1 - fine[:, 1]), fine[:, 1]
    return (x / 255 - mean) / deviation, torch.stack([one, two, (1 - one - two).clamp(min=0)], dim=1), torch.tensor([c[2] for c in colours])


def points_in(regions: torch.Tensor) -> torch.Tensor:
    """A place inside each region, in the model's pixels."""
    weights = (regions > 0.7).float() + 1e-6 * regions + 1e-9
    at = torch.multinomial(weights.flatten(1), 1)[:, 0]
    places = torch.stack([at % JUDGED, at // JUDGED], dim=-1).float()
    return (places + torch.rand_like(places)) * (SIDE / JUDGED)


def boxes_of(regions: torch.Tensor, most: float = 0.06) -> torch.Tensor:
    """The two corners of each region's box, off by up to `most` of its sides."""
    inside = regions > 0.5
    corners = []
    for dim in (1, 2):
        line = inside.any(dim=dim).float()  # dim 1: along x
        start = line.argmax(dim=1)
        corners.append((start.float(), (JUDGED - line.flip(1).argmax(dim=1)).float()))
    (x0, x1), (y0, y1) = corners
    box = torch.stack([torch.stack([x0, y0], -1), torch.stack([x1, y1], -1)], dim=1) * (SIDE / JUDGED)
    sides = (box[:, 1] - box[:, 0])[:, None]
    return (box + (torch.rand_like(box) * 2 - 1) * most * sides).clamp(0, SIDE)


def prompts_for(kind: str, meant: torch.Tensor, other: torch.Tensor):
    """Places, labels and a mask to start from, for regions [prompts, side, side]. Every list ends with a point that is none."""
    count = meant.shape[0]
    point = points_in(meant)[:, None]
    end, labels = torch.zeros(count, 1, 2), lambda *of: torch.tensor(of).expand(count, -1)
    if kind == "point":
        return torch.cat([point, end], 1), labels(ON, NOTHING), None
    if kind == "box":
        return torch.cat([boxes_of(meant), end], 1), labels(BOX_START, BOX_END, NOTHING), None
    if kind == "boxed":
        return torch.cat([boxes_of(meant), point, end], 1), labels(BOX_START, BOX_END, ON, NOTHING), None
    if kind == "more":
        return torch.cat([point, points_in(meant)[:, None], end], 1), labels(ON, ON, NOTHING), None
    if kind == "less":
        return torch.cat([point, points_in(other)[:, None], end], 1), labels(ON, OFF, NOTHING), None
    rough = F.avg_pool2d(meant[:, None], JUDGED // FINE)
    rough = (rough * 2 - 1) * (4 + 10 * torch.rand(count, 1, 1, 1)) + torch.randn_like(rough)
    return torch.cat([point, end], 1), labels(ON, NOTHING), rough


# How often scenes are shown, by what is between their things: of two, a point has to choose one.
OFTEN = {None: 1.0, "left of": 2.0, "above": 2.0, "anywhere": 0.5}
KINDS = {"point": 0.46, "box": 0.28, "boxed": 0.04, "more": 0.06, "less": 0.08, "mask": 0.08}


# Training ----------------------------------------------------------------------------------------------------------------


class Beside(torch.nn.Module):
    """A task beside the masks, for training alone: every place of every level tells whether a thing is there, and that thing's
    box. It teaches the encoder to see things as wholes long before prompts could."""

    def __init__(self):
        super().__init__()
        self.heads = torch.nn.ModuleList([torch.nn.Conv2d(HIDDEN, 5, 1) for _ in range(3)])

    def forward(self, levels: tuple[torch.Tensor, ...], regions: torch.Tensor) -> torch.Tensor:
        boxes = torch.stack([boxes_of(regions[:, k], 0).flatten(1) for k in range(2)], dim=1) / SIDE  # [pictures, 2, 4]
        loss = torch.zeros(())
        for head, level in zip(self.heads, levels):
            there = F.adaptive_avg_pool2d(regions, level.shape[-1])
            thing = there[:, 0] + there[:, 1]
            told = head(level)
            which = (there[:, 1] > there[:, 0]).long()
            box = boxes.gather(1, which.flatten(1)[..., None].expand(-1, -1, 4)).transpose(1, 2).unflatten(2, level.shape[-2:])
            off = (told[:, 1:] - box).abs().mean(1)
            loss = loss + F.binary_cross_entropy_with_logits(told[:, 0], thing) + 4 * (off * (thing > 0.5)).sum() / (thing > 0.5).sum().clamp(min=1)
        return loss


def overlap(made: torch.Tensor, meant: torch.Tensor) -> torch.Tensor:
    a, b = made > 0.5, meant > 0.5
    return (a & b).flatten(-2).sum(-1) / (a | b).flatten(-2).sum(-1).clamp(min=1)


def train(work: Path, args) -> None:
    torch.manual_seed(args.seed)
    data = torch.load(work / "outlines.pt", weights_only=False)
    scenes, cover = data["scenes"], data["cover"]
    model, beside = new_model(), Beside()
    both = torch.nn.ModuleList([model, beside])
    optimiser = decaying_adamw(both, args.lr, weight_decay=0.02)
    ema, path = Ema(both, 0.998), work / "train.ckpt"
    step = resume(path, both, optimiser, ema)
    # After an interruption other pictures than before it.
    rng = random.Random(f"{args.seed} {step}")
    torch.manual_seed(rng.randrange(2**32))

    def save() -> None:
        keep(path, both, optimiser, ema, step)

    often = list(itertools.accumulate(OFTEN[s.relation] for s in scenes))
    began, first, shown = time.time(), step, {}
    while step < args.steps:
        for group in optimiser.param_groups:
            group["lr"] = args.lr * rate(step, args.steps, warm=150, decay=0.5)
        chosen = rng.choices(range(len(scenes)), cum_weights=often, k=args.batch)
        batch = [scenes[i] for i in chosen]
        pixels, regions, alike = batch_of(rng, batch, cover[chosen])
        (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
        # Which region each prompt means: a thing, or now and then the ground; a box always means a thing.
        which = [
            2 if not kind.startswith("box") and rng.random() < 0.15 else rng.randrange(len(s.things)) for s in batch for _ in range(args.prompts)
        ]
        row = [i for i in range(args.batch) for _ in range(args.prompts)]
        meant = regions[row, which]
        things = regions[row, 0] + regions[row, 1]
        other = 1 - meant
        is_ground = (torch.tensor(which) == 2)[:, None, None]
        everything = torch.where(is_ground, meant, things)
        same = torch.where(alike[row][:, None, None], everything, meant)
        truth = torch.stack([meant, meant, everything, same], dim=1)

        points, labels, rough = prompts_for(kind, meant, other)
        shape = (args.batch, args.prompts)
        seen, levels = looked(model, pixels)
        made, scores, exists = asked(model, seen, points.unflatten(0, shape), labels.unflatten(0, shape), rough)
        made = F.interpolate(made, size=(JUDGED, JUDGED), mode="bilinear", align_corners=False)
        share = made.sigmoid()
        crossed = F.binary_cross_entropy_with_logits(made, truth, reduction="none").flatten(2).mean(2)
        dice = 1 - (2 * (share * truth).flatten(2).sum(2) + 1) / ((share + truth).flatten(2).sum(2) + 1)
        weight = torch.tensor([1.0, 1.0, 0.4, 0.4])
        reached = overlap(share.detach(), meant[:, None])
        guessed = (scores - reached) ** 2
        wholes = beside(levels, regions)
        loss = ((4 * crossed + dice) * weight).sum(1).mean() + args.beside * wholes + guessed.mean() + 0.01 * F.softplus(-exists).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimiser.step()
        ema.update()
        step += 1
        for name, value in {"loss": loss.item(), "beside": wholes.item(), "crossed": crossed[:, 0].mean().item(), "scores": guessed.mean().sqrt().item(), kind: reached[:, 0].mean().item()}.items():
            shown[name] = value if name not in shown else 0.95 * shown[name] + 0.05 * value
        if step % 50 == 0:
            told = " ".join(f"{name} {value:.3f}" for name, value in shown.items())
            print(f"train {step}/{args.steps} {told} {(time.time() - began) / (step - first):.3f} s/step, cpu {time.process_time():.0f} s", flush=True)
        if step % 200 == 0:
            save()
    save()


def trained(work: Path) -> Sam2Model:
    """The averaged weights of the last checkpoint."""
    model = new_model()
    both = torch.nn.ModuleList([model, Beside()])
    state = torch.load(work / "train.ckpt", weights_only=False)
    both.load_state_dict(state["model"])  # the places, which are no weights, come along
    with torch.no_grad():
        for p, s in zip(both.parameters(), state["ema"]):
            p.copy_(s)
    return model.eval()


def save(work: Path, args) -> None:
    """An ordinary Transformers checkpoint. May be run while training goes on."""
    folder = work / "checkpoint"
    trained(work).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(dict(
        image_processor_type="Sam2ImageProcessorFast", do_resize=True, do_rescale=True, do_normalize=True, image_mean=MEAN, image_std=DEVIATION,
        resample=2, rescale_factor=1 / 255, size=dict(height=SIDE, width=SIDE), mask_size=dict(height=FINE, width=FINE),
    ), indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--stage", choices=("outlines", "train", "save"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--batch", type=int, default=12, help="pictures a step")
    parser.add_argument("--prompts", type=int, default=4, help="prompts a picture")
    parser.add_argument("--lr", type=float, default=1.2e-3)
    parser.add_argument("--beside", type=float, default=0.5, help="how much the task beside the masks counts")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    stages = {
        "outlines": (lambda: outlines(args.work, args), args.work / "outlines.pt"),
        "train": (lambda: train(args.work, args), None),
        "save": (lambda: save(args.work, args), None),
    }
    run_stages(args.stage, stages)


if __name__ == "__main__":
    main()
