"""Trains the captioning starter: a vision transformer and a GPT-2 that reads what it sees, small enough for one CPU core.

    python train.py                       # every stage
    python train.py --stage train         # one stage
    python train.py --steps 5000          # longer

Stages: `tokenizer`, `outlines`, `train`, `save`. Each leaves its result in the work folder and is skipped when that is
complete; training that was interrupted continues from its last checkpoint. The result is a Transformers checkpoint in
`work/checkpoint`, which `models/export/export_vit_gpt2.py` turns into the package's files.

The scenes are the drawing starter's (`shapes.py`). What is kept of them is where their things are; colours are chosen anew
for every batch, never a combination for which `shapes.is_held_out` is true. Nothing here is random but by the seed.
"""

from __future__ import annotations

import argparse
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
from PIL import Image
from transformers import CLIPTokenizer, GPT2Config, GPT2LMHeadModel, VisionEncoderDecoderModel, ViTConfig, ViTModel

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1] / "training"), str(HERE.parents[1] / "export"), str(HERE.parents[1] / "starter-text-to-image" / "train")]
import shapes  # noqa: E402
from learning import Ema, decaying_adamw, keep, rate, resume, run_stages, save_checkpoint  # noqa: E402
from small_tokenizer import make_tokenizer  # noqa: E402
from worn import bent, composed, cover_of, worn  # noqa: E402

SIDE = 64
PATCH = 8
WIDTH = 96
HEADS = 4
LENGTH = 24  # tokens of a caption at most, its two ends included; the longest here has 17
COLOURS = list(shapes.COLOURS)
BEGINNING = "a picture of "  # as people like to begin; one caption in eight has it


# The model ---------------------------------------------------------------------------------------------------------------


def new_model(tokenizer: CLIPTokenizer) -> VisionEncoderDecoderModel:
    """Weights start with the scale that keeps the variance at this width; the library's start is made for wide models."""
    scale = WIDTH**-0.5
    vision = ViTConfig(hidden_size=WIDTH, intermediate_size=3 * WIDTH, num_hidden_layers=4, num_attention_heads=HEADS, image_size=SIDE, patch_size=PATCH, initializer_range=scale)
    text = GPT2Config(
        vocab_size=len(tokenizer), n_embd=WIDTH, n_layer=2, n_head=HEADS, n_inner=2 * WIDTH, n_positions=LENGTH + 8, initializer_range=scale,
        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, add_cross_attention=True, is_decoder=True,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )
    model = VisionEncoderDecoderModel(encoder=ViTModel(vision, add_pooling_layer=False), decoder=GPT2LMHeadModel(text))
    for config in (model.config, model.generation_config):
        config.decoder_start_token_id, config.eos_token_id, config.pad_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.eos_token_id
    model.generation_config.max_length = LENGTH
    return model


# Data --------------------------------------------------------------------------------------------------------------------


def outlines(work: Path, args) -> None:
    """Scenes as the coverage of each of their two things, in the model's size: colours are added when they are used."""
    rng = random.Random(args.seed)
    scenes, cover = [], np.zeros((args.scenes, 2, SIDE, SIDE), np.uint8)
    for i in range(args.scenes):
        if rng.random() < 0.4:
            one, two = ((rng.choice(shapes.SHAPES), "red") for _ in range(2))
            scene = shapes.pair(rng, one, two, rng.choice(("left of", "above")), "black")
        else:
            size = rng.choice(list(shapes.SIZES))
            place = rng.choice(list(shapes.PLACES)) if size != "large" and rng.random() < 0.4 else None
            scene = shapes.single(rng, rng.choice(shapes.SHAPES), "red", size, "black", place)
        for k, thing in enumerate(scene.things):
            cover[i, k] = cover_of(thing, SIDE)
        scenes.append(scene)
    save_checkpoint(work / "outlines.pt", scenes=scenes, cover=torch.from_numpy(cover))


def coloured(rng: random.Random, scene: shapes.Scene) -> shapes.Scene:
    """The scene in other colours, a combination that is not held out."""
    while True:
        background = rng.choice(COLOURS)
        others = [c for c in COLOURS if c != background]
        things = tuple(shapes.Thing(t.shape, rng.choice(others), t.size, t.x, t.y, t.radius) for t in scene.things)
        made = shapes.Scene(background, things, scene.relation, scene.place)
        if not shapes.is_held_out(made.key()):
            return made


def pictures_of(scenes: list[shapes.Scene], cover: torch.Tensor) -> torch.Tensor:
    """Drawn and then worn: bent, blurred, with noise and other light. From -1 to 1, as the model sees them."""
    count = len(scenes)

    def table(names: list[str]) -> torch.Tensor:
        rgb = torch.tensor([shapes.COLOURS[n] for n in names], dtype=torch.float32)
        return rgb + torch.randn_like(rgb) * 7 * torch.rand(count, 1)

    cover = bent(cover.float() / 255, 1.2)
    things = [table([s.things[min(k, len(s.things) - 1)].colour for s in scenes]) for k in range(2)]
    return worn(composed(table([s.background for s in scenes]), things, cover)) / 127.5 - 1


def patch_kinds(scenes: list[shapes.Scene], cover: torch.Tensor) -> torch.Tensor:
    """The shape that each patch shows a part of, 0 for none: a task beside the captions, which teaches shapes sooner."""
    share = F.avg_pool2d(cover.float() / 255, PATCH).flatten(2)
    kinds = torch.zeros(len(scenes), share.shape[2], dtype=torch.long)
    for k in range(2):
        shape = torch.tensor([1 + shapes.SHAPES.index(s.things[min(k, len(s.things) - 1)].shape) for s in scenes])
        kinds = torch.where(share[:, k] > 0.08, shape[:, None], kinds)
    return kinds


# Training ----------------------------------------------------------------------------------------------------------------


def train(work: Path, args) -> None:
    torch.manual_seed(args.seed)
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    data = torch.load(work / "outlines.pt", weights_only=False)
    scenes, cover = data["scenes"], data["cover"]
    model = new_model(tokenizer)
    head = torch.nn.Linear(WIDTH, 1 + len(shapes.SHAPES))  # for training alone
    both = torch.nn.ModuleList([model, head])
    optimiser = decaying_adamw(both, args.lr, weight_decay=0.03)
    ema, path = Ema(both, 0.998), work / "train.ckpt"
    step = resume(path, both, optimiser, ema)
    # After an interruption other pictures than before it.
    rng = random.Random(f"{args.seed} {step}")
    torch.manual_seed(rng.randrange(2**32))
    known: dict[str, list[int]] = {}

    def tokens(words: str) -> list[int]:
        if words not in known:
            ids = tokenizer(words).input_ids
            known[words] = ids + [-100] * (LENGTH - len(ids))
        return known[words]

    def save() -> None:
        keep(path, both, optimiser, ema, step)

    began, first, shown = time.time(), step, None
    while step < args.steps:
        for group in optimiser.param_groups:
            group["lr"] = args.lr * rate(step, args.steps, warm=150, decay=0.5)
        chosen = rng.sample(range(len(scenes)), args.batch)
        batch = [coloured(rng, scenes[i]) for i in chosen]
        ids = torch.tensor([tokens((BEGINNING if rng.random() < 0.12 else "") + shapes.full_caption(s)) for s in batch])
        ids = ids[:, : int((ids >= 0).sum(1).max())]
        seen = model.encoder(pictures_of(batch, cover[chosen])).last_hidden_state
        logits = model.decoder(ids[:, :-1].clamp(min=0), encoder_hidden_states=seen).logits
        words = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=-100)
        kinds = F.cross_entropy(head(seen[:, 1:]).flatten(0, 1), patch_kinds(batch, cover[chosen]).flatten())
        loss = words + args.beside * kinds
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimiser.step()
        ema.update()
        step += 1
        told = torch.tensor([words.item(), kinds.item()])
        shown = told if shown is None else 0.97 * shown + 0.03 * told
        if step % 50 == 0:
            print(f"train {step}/{args.steps} words {shown[0]:.4f} patches {shown[1]:.4f} {(time.time() - began) / (step - first):.3f} s/step, cpu {time.process_time():.0f} s", flush=True)
        if step % 250 == 0:
            save()
    save()


def trained(work: Path) -> tuple[VisionEncoderDecoderModel, CLIPTokenizer]:
    """The averaged weights of the last checkpoint."""
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    model = new_model(tokenizer)
    with torch.no_grad():
        for p, s in zip(model.parameters(), torch.load(work / "train.ckpt", weights_only=False)["ema"]):
            p.copy_(s)
    return model.eval(), tokenizer


def save(work: Path, args) -> None:
    """An ordinary Transformers checkpoint. May be run while training goes on."""
    model, tokenizer = trained(work)
    folder = work / "checkpoint"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor = dict(
        image_processor_type="ViTImageProcessor", do_resize=True, do_rescale=True, do_normalize=True, image_mean=[0.5] * 3, image_std=[0.5] * 3,
        resample=2, rescale_factor=1 / 255, size=dict(height=SIDE, width=SIDE),
    )
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n")


@torch.no_grad()
def score(work: Path, args) -> None:
    """A quick look at how often the whole caption is right, half of the scenes held out. The real check is `check.ts`."""
    model, tokenizer = trained(work)
    rng = random.Random(args.seed + 99)
    right = {False: [], True: []}
    while len(right[False]) < 150 or len(right[True]) < 150:
        scene = shapes.random_scene(rng)
        mine = right[shapes.is_held_out(scene.key())]
        if len(mine) >= 150:
            continue
        picture = Image.fromarray(shapes.draw(scene)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
        told = tokenizer.decode(model.generate(pixel_values=pixels, do_sample=False)[0], skip_special_tokens=True).strip()
        mine.append(told == shapes.full_caption(scene))
        if not mine[-1] and args.wrong:
            print(f"{shapes.full_caption(scene)} -> {told}")
    print("trained on", np.mean(right[False]), "held out", np.mean(right[True]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--stage", choices=("tokenizer", "outlines", "train", "save", "score"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--scenes", type=int, default=16000)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--beside", type=float, default=0.5, help="how much the task beside the captions counts")
    parser.add_argument("--wrong", action="store_true", help="print wrong captions when scoring")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    stages = {
        "tokenizer": (lambda: make_tokenizer(args.work / "tokenizer", shapes.vocabulary_corpus(), length=LENGTH), args.work / "tokenizer" / "tokenizer_config.json"),
        "outlines": (lambda: outlines(args.work, args), args.work / "outlines.pt"),
        "train": (lambda: train(args.work, args), None),
        "save": (lambda: save(args.work, args), None),
        "score": (lambda: score(args.work, args), None),
    }
    run_stages(args.stage, stages)


if __name__ == "__main__":
    main()
