"""What trainings here share: an average of the weights, a course of the rate, checkpoints that are whole or absent, stages."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
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

    @torch.no_grad()
    def apply(self) -> None:
        for p, s in zip(self.module.parameters(), self.shadow):
            p.copy_(s)


def rate(step: int, steps: int, warm: int, decay: float) -> float:
    """Up over `warm` steps, level, then down over the last `decay` of the run along half a cosine."""
    start = steps * (1 - decay)
    down = 1.0 if step < start else 0.5 * (1 + math.cos(math.pi * (step - start) / (steps - start)))
    return min(1.0, (step + 1) / warm) * max(down, 0.01)


def save_checkpoint(path: Path, **parts) -> None:
    torch.save(parts, path.with_suffix(".part"))
    path.with_suffix(".part").rename(path)


def resume(path: Path, module: torch.nn.Module, optimiser: torch.optim.Optimizer, ema: Ema) -> int:
    """Continues from the checkpoint, where there is one; returns the steps that are done."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=False)
    module.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    ema.shadow, ema.steps = state["ema"], state["step"]
    return state["step"]


def keep(path: Path, module: torch.nn.Module, optimiser: torch.optim.Optimizer, ema: Ema, step: int) -> None:
    """What `resume` continues from."""
    save_checkpoint(path, model=module.state_dict(), optimiser=optimiser.state_dict(), ema=ema.shadow, step=step)


def decaying_adamw(module: torch.nn.Module, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """Matrices decay; biases and norms do not."""
    decayed = [p for p in module.parameters() if p.dim() > 1]
    plain = [p for p in module.parameters() if p.dim() <= 1]
    return torch.optim.AdamW([dict(params=decayed), dict(params=plain, weight_decay=0.0)], lr=lr, betas=(0.9, 0.98), weight_decay=weight_decay)


def run_stages(wanted: str | None, stages: dict[str, tuple[Callable[[], None], Path | None]]) -> None:
    """The stage that is wanted; or all, without those whose result is there. What has no result of its own always runs."""
    for name, (run, result) in stages.items():
        if wanted in (None, name) and not (wanted is None and result is not None and result.exists()):
            began = time.time()
            run()
            print(f"{name} took {(time.time() - began) / 60:.1f} minutes", flush=True)
