"""Trains the starter language model: a Llama of two million weights that knows Rivulet, small sums and simple pictures.

    python train.py --work DIR                 # all stages; interrupted ones resume at their last checkpoint
    python train.py --work DIR --steps 9000    # longer, or on from there

Stages: the tokenizer; conversations as rows of tokens; the weights; the checkpoint and its export into ../model.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from arithmetic import answer, is_held_out, training_sum  # noqa: E402
from dialogues import conversation  # noqa: E402

SPECIAL = ["<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
PAD, SYSTEM, USER, ASSISTANT, END = range(5)
ROLE = {"system": SYSTEM, "user": USER, "assistant": ASSISTANT}
# What people write is read in small letters, after a blank: so every word is one token wherever it stands.
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}{{ '<|assistant|>' + message['content'] | trim }}"
    "{% else %}{{ '<|' + message['role'] + '|> ' + message['content'] | trim | lower }}{% endif %}{{ '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
VOCABULARY = 1536
CONTEXT = 512
WIDTH, INNER, LAYERS, HEADS = 192, 512, 4, 4
ROW = 128
CONVERSATIONS = 75_000
STEPS_A_LOT = 1500  # each lot of conversations is used about once
SHARES = ((0.4, 0.06), (0.8, 0.06), (0.6, 0.25))  # how much sums and scenes weigh in the lots, the last from then on
ROWS_A_STEP = 24
RATE = 0.02
ADAM_RATE = 0.004
WARMUP = 100
CALM = 0.35  # the last part of the steps, over which the rate falls
DIGIT_WEIGHT = 3.0  # what follows "=": a wrong digit is a wrong answer


def text_of(role: str, content: str) -> str:
    return content if role == "assistant" else " " + content.lower()


def make_tokenizer(path: Path) -> Tokenizer:
    if path.exists():
        return Tokenizer.from_file(str(path))
    rng = random.Random(5)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    texts = (text_of(role, content) for _ in range(12_000) for role, content in conversation(rng, sums=0.15))
    # Only what is common becomes a token of its own: a rare word must be known as rare.
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=VOCABULARY, min_frequency=12, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return tokenizer


def make_rows(tokenizer: Tokenizer, path: Path, seed: int, shares: tuple[float, float]) -> dict[str, np.ndarray]:
    """Conversations laid side by side in rows: tokens, which conversation of the row each belongs to, how much it counts."""
    if path.exists():
        return dict(np.load(path))
    rng = random.Random(seed)
    rows: list[list[tuple[list[int], list[float]]]] = []
    open_rows: list[tuple[int, list]] = []
    equals = tokenizer.encode("1 = 1").ids[1]
    assert tokenizer.decode([equals]) == " ="
    for _ in range(CONVERSATIONS):
        turns = conversation(rng, *shares)
        parts = tokenizer.encode_batch([text_of(*turn) for turn in turns], add_special_tokens=False)
        ids, weights = [], []
        for (role, _), part in zip(turns, parts):
            piece = [ROLE[role], *part.ids, END]
            counts = [0.0] * len(piece)
            if role == "assistant":
                counts = [0.0] + [1.0] * (len(piece) - 1)
                if equals in piece:
                    for i in range(piece.index(equals) + 1, len(piece) - 2):
                        counts[i] = DIGIT_WEIGHT
            ids += piece
            weights += counts
        if len(ids) > ROW:
            continue
        # Into the first open row with room; the fullest ones are closed.
        for index, (free, row) in enumerate(open_rows):
            if free >= len(ids):
                row.append((ids, weights))
                open_rows[index] = (free - len(ids), row)
                break
        else:
            open_rows.append((ROW - len(ids), [(ids, weights)]))
        if len(open_rows) > 24:
            open_rows.sort(key=lambda entry: -entry[0])
            rows.append(open_rows.pop()[1])
    rows += [row for _, row in open_rows]
    tokens = np.zeros((len(rows), ROW), np.int16)
    owner = np.zeros((len(rows), ROW), np.int8)
    weight = np.zeros((len(rows), ROW), np.float16)
    for r, row in enumerate(rows):
        at = 0
        for number, (ids, weights) in enumerate(row):
            tokens[r, at:at + len(ids)], owner[r, at:at + len(ids)], weight[r, at:at + len(ids)] = ids, number + 1, weights
            at += len(ids)
    made = dict(tokens=tokens, owner=owner, weight=weight)
    np.savez(path, **made)
    return made


def norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return F.rms_norm(x, (x.shape[-1],), weight.to(x.dtype), 1e-5)


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.between = torch.nn.Parameter(torch.ones(WIDTH)), torch.nn.Parameter(torch.ones(WIDTH))
        self.qkv = torch.nn.Parameter(torch.randn(3 * WIDTH, WIDTH) / math.sqrt(WIDTH))
        self.out = torch.nn.Parameter(torch.zeros(WIDTH, WIDTH))
        self.up = torch.nn.Parameter(torch.randn(2 * INNER, WIDTH) / math.sqrt(WIDTH))
        self.down = torch.nn.Parameter(torch.zeros(WIDTH, INNER))

    def forward(self, x, cos, sin, mask):
        batch, length, _ = x.shape
        q, k, v = F.linear(norm(x, self.before), self.qkv).view(batch, length, 3 * HEADS, -1).transpose(1, 2).chunk(3, 1)
        # For rows this short plain products beat the fused attention several times.
        scores = turned(q, cos, sin) @ turned(k, cos, sin).transpose(-1, -2) * (WIDTH // HEADS) ** -0.5 + mask
        mixed = scores.softmax(-1, dtype=torch.bfloat16) @ v
        x = x + F.linear(mixed.transpose(1, 2).reshape(batch, length, WIDTH), self.out)
        gate, up = F.linear(norm(x, self.between), self.up).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, self.down)


def turned(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


class Llama(torch.nn.Module):
    """The library's Llama in few operations, which on a processor is most of the time."""

    def __init__(self, vocabulary: int):
        super().__init__()
        self.embed = torch.nn.Parameter(torch.randn(vocabulary, WIDTH) * 0.02)
        self.layers = torch.nn.ModuleList(Layer() for _ in range(LAYERS))
        self.last = torch.nn.Parameter(torch.ones(WIDTH))

    def forward(self, tokens, owner, keep):
        """The logits of the places in `keep`."""
        positions = torch.arange(tokens.shape[1])
        half = WIDTH // HEADS // 2
        angles = positions[:, None] / 10000.0 ** (torch.arange(half) / half)
        cos, sin = (torch.cat((f(angles), f(angles)), -1).bfloat16() for f in (torch.cos, torch.sin))
        allowed = (owner[:, None, :, None] == owner[:, None, None, :]) & (positions[:, None] >= positions[None, :])
        mask = torch.zeros(allowed.shape, dtype=torch.bfloat16).masked_fill_(~allowed, float("-inf"))
        # The published form has no scale here; the rows are small so that the tied output is calm at the start.
        x = F.embedding(tokens, self.embed).bfloat16()
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        return F.linear(norm(x[keep], self.last), self.embed)


def start_digits(model: Llama, tokenizer: Tokenizer) -> None:
    """Digits begin as points on circles and on a line: how numbers add is then near at hand."""
    generator = torch.Generator().manual_seed(3)
    directions = torch.randn(9, WIDTH, generator=generator) / math.sqrt(WIDTH)
    with torch.no_grad():
        for digit in range(10):
            angle = 2 * math.pi * digit / 10
            values = [f(k * angle) for k in range(1, 5) for f in (math.cos, math.sin)] + [(digit - 4.5) / 3]
            model.embed[tokenizer.token_to_id(str(digit))] += 0.02 * torch.tensor(values) @ directions * 2.0


def orthogonal(gradient: torch.Tensor) -> torch.Tensor:
    """The nearest matrix with equal singular values, by five Newton-Schulz steps."""
    x = gradient.bfloat16()
    if x.shape[0] > x.shape[1]:
        return orthogonal(gradient.T).T
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.float()


class Muon(torch.optim.Optimizer):
    """Momentum made orthogonal, for the matrices: several in one parameter are treated apart."""

    def __init__(self, parameters, lr: float, momentum: float = 0.95, decay: float = 0.01):
        super().__init__(parameters, dict(lr=lr, momentum=momentum, decay=decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                buffer = state.setdefault("momentum", torch.zeros_like(p))
                buffer.lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(buffer, group["momentum"])
                pieces = p.shape[0] // WIDTH if p.shape[0] == 3 * WIDTH else 2 if p.shape[0] == 2 * INNER else 1
                p.mul_(1 - group["lr"] * group["decay"])
                for part, piece in zip(p.chunk(pieces), update.chunk(pieces)):
                    part.add_(orthogonal(piece), alpha=-group["lr"] * math.sqrt(max(1.0, part.shape[0] / part.shape[1])))


@torch.no_grad()
def reply(model: Llama, tokenizer: Tokenizer, turns, most: int = 60) -> str:
    ids = [i for role, content in turns for i in (ROLE[role], *tokenizer.encode(text_of(role, content), add_special_tokens=False).ids, END)] + [ASSISTANT]
    made: list[int] = []
    for _ in range(most):
        tokens = torch.tensor([ids + made])
        keep = torch.zeros_like(tokens, dtype=torch.bool)
        keep[0, -1] = True
        with torch.autocast("cpu", torch.bfloat16):
            token = int(model(tokens, torch.ones_like(tokens), keep)[0].argmax())
        if token == END:
            break
        made.append(token)
    return tokenizer.decode(made)


def look(model: Llama, tokenizer: Tokenizer, rng: random.Random, count: int = 60) -> str:
    """Sums never trained, and a few questions to read."""
    told, right = [], {op: [0, 0] for op in "+-×"}
    while sum(total for _, total in right.values()) < count:
        op = rng.choice("+-×")
        a, b = (rng.randint(0, 10 if op == "×" else 99) for _ in range(2))
        if is_held_out(a, op, b):
            right[op][0] += reply(model, tokenizer, [("user", f"what is {a} {op} {b}?")], 12) == answer(a, op, b)
            right[op][1] += 1
    for question in ("what's the use of a gateway?", "who is mozart", "describe a scene with a red star"):
        told.append(reply(model, tokenizer, [("user", question)], 40))
    return " ".join(f"{op} {good}/{total}" for op, (good, total) in right.items()) + " | " + " | ".join(told)


def train(work: Path, tokenizer: Tokenizer, steps: int) -> Llama:
    torch.manual_seed(11)
    model = Llama(tokenizer.get_vocab_size())
    start_digits(model, tokenizer)
    matrices = [p for layer in model.layers for p in (layer.qkv, layer.out, layer.up, layer.down)]
    others = [p for p in model.parameters() if not any(p is m for m in matrices)]
    muon = Muon(matrices, lr=RATE)
    adam = torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    first, saved = 0, work / "checkpoint.pt"
    if saved.exists():
        state = torch.load(saved)
        model.load_state_dict(state["model"]), muon.load_state_dict(state["muon"]), adam.load_state_dict(state["adam"])
        first = state["step"]
    began, cpu, losses, last_saved = time.time(), time.process_time(), [], time.time()
    lot = -1
    for step in range(first, steps):
        if step // STEPS_A_LOT != lot:
            lot = step // STEPS_A_LOT
            made = make_rows(tokenizer, work / f"rows-{lot}.npz", 1 + lot, SHARES[min(lot, len(SHARES) - 1)])
            rows = {name: torch.from_numpy(value) for name, value in made.items()}
            order = torch.randperm(len(rows["tokens"]), generator=torch.Generator().manual_seed(lot))
        chosen = order[torch.arange(step % STEPS_A_LOT * ROWS_A_STEP, (step % STEPS_A_LOT + 1) * ROWS_A_STEP) % len(order)]
        tokens, owner, weight = rows["tokens"][chosen].long(), rows["owner"][chosen], rows["weight"][chosen].float()
        keep = torch.zeros_like(tokens, dtype=torch.bool)
        keep[:, :-1] = weight[:, 1:] > 0
        scale = min(1.0, (step + 1) / WARMUP) * min(1.0, max(0.02, (steps - step) / (CALM * steps)))
        for optimizer, rate in ((muon, RATE), (adam, ADAM_RATE)):
            for group in optimizer.param_groups:
                group["lr"] = rate * scale
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(tokens, owner, keep)
        each = F.cross_entropy(logits.float(), tokens.roll(-1, 1)[keep], reduction="none")
        counted = weight.roll(-1, 1)[keep]
        loss = (each * counted).sum() / counted.sum()
        loss.backward()
        muon.step(), adam.step()
        model.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if (step + 1) % 50 == 0:
            print(f"{step + 1} loss {np.mean(losses[-50:]):.4f}  {time.process_time() - cpu:.0f} s cpu  {time.time() - began:.0f} s", flush=True)
        if (step + 1) % 500 == 0 or step + 1 == steps:
            print("   ", look(model, tokenizer, random.Random(step)), flush=True)
        if time.time() - last_saved > 120 or step + 1 == steps:
            torch.save(dict(model=model.state_dict(), muon=muon.state_dict(), adam=adam.state_dict(), step=step + 1), saved)
            last_saved = time.time()
    return model


def save(model: Llama, tokenizer: Tokenizer, folder: Path) -> None:
    """As Transformers keeps a Llama."""
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS, num_attention_heads=HEADS, num_key_value_heads=HEADS,
        max_position_embeddings=CONTEXT, rms_norm_eps=1e-5, tie_word_embeddings=True, bos_token_id=None, eos_token_id=END, pad_token_id=PAD,
    )
    whole = LlamaForCausalLM(config)
    weights = {"model.embed_tokens.weight": model.embed, "model.norm.weight": model.last, "lm_head.weight": model.embed}
    for number, layer in enumerate(model.layers):
        at = f"model.layers.{number}."
        for name, part in zip("qkv", layer.qkv.chunk(3)):
            weights[f"{at}self_attn.{name}_proj.weight"] = part
        gate, up = layer.up.chunk(2)
        weights |= {f"{at}self_attn.o_proj.weight": layer.out, f"{at}mlp.gate_proj.weight": gate, f"{at}mlp.up_proj.weight": up, f"{at}mlp.down_proj.weight": layer.down,
                    f"{at}input_layernorm.weight": layer.before, f"{at}post_attention_layernorm.weight": layer.between}
    whole.load_state_dict({name: tensor.detach().clone() for name, tensor in weights.items()})
    whole.generation_config = GenerationConfig(eos_token_id=[END], pad_token_id=PAD, do_sample=True, temperature=0.7)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=TEMPLATE, eos_token=SPECIAL[END], pad_token=SPECIAL[PAD], additional_special_tokens=SPECIAL[1:4], model_max_length=CONTEXT)
    whole.save_pretrained(folder), fast.save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--out", type=Path, default=HERE.parent / "model")
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--no-export", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.work.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(args.work / "tokenizer.json")
    print(f"{tokenizer.get_vocab_size()} tokens", flush=True)
    model = train(args.work, tokenizer, args.steps)
    save(model, tokenizer, args.work / "checkpoint")
    if not args.no_export:
        sys.path.insert(0, str(HERE.parent.parent / "export"))
        from export_llm import export_llm
        export_llm(args.work / "checkpoint", args.out, storage="fp16")


if __name__ == "__main__":
    main()
