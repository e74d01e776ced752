"""What every training here needs: an average of the weights, a course of the rate, checkpoints that are whole or absent."""

from __future__ import annotations

import math
from pathlib import Path

import torch


class Ema:
    """A running average of the weights, which is what gets saved."""

    def __init__(self, module: torch.nn.Module, decay: float):
        self.decay, self.steps = decay, 0
        self.module = module
        self.shadow = [p.detach().clone() for p in module.parameters()]

    @torch.no_grad()
    def update(self) -> None:
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.shadow, [p.detach() for p in self.module.parameters()], 1 - keep)


def rate(step: int, steps: int, warm: int = 150, decay: float = 0.5) -> float:
    """Up over `warm` steps, level, then down over the last `decay` of the run along half a cosine."""
    start = steps * (1 - decay)
    down = 1.0 if step < start else 0.5 * (1 + math.cos(math.pi * (step - start) / (steps - start)))
    return min(1.0, (step + 1) / warm) * max(down, 0.01)


def save_checkpoint(path: Path, **parts) -> None:
    torch.save(parts, path.with_suffix(".part"))
    path.with_suffix(".part").rename(path)
