"""Pictures of shapes as they come out of cameras, compressors and networks: bent, blurred, noisy, in other light."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import shapes


def cover_of(thing: shapes.Thing, side: int) -> np.ndarray:
    """How much of each pixel of a picture of `side` the thing covers, 0 to 255."""
    canvas = np.zeros((shapes.SIDE, shapes.SIDE), np.float32)
    d = round(2 * thing.radius)
    left, top = round(thing.x - thing.radius), round(thing.y - thing.radius)
    whole = shapes.mask(thing.shape, d)
    # Things may reach over the edge.
    rows = slice(max(0, top), min(shapes.SIDE, top + d))
    columns = slice(max(0, left), min(shapes.SIDE, left + d))
    canvas[rows, columns] = 255 * whole[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return np.asarray(Image.fromarray(np.rint(canvas).astype(np.uint8)).resize((side, side), Image.Resampling.BILINEAR))


def bent(cover: torch.Tensor, most: float) -> torch.Tensor:
    """Outlines bent by up to `most` pixels or so, as a network that draws bends them."""
    count, side = cover.shape[0], cover.shape[-1]
    amount = torch.rand(count, 1, 1, 1) * most * (torch.rand(count, 1, 1, 1) < 0.6)
    bend = F.interpolate(torch.randn(count, 2, 6, 6), size=(side, side), mode="bicubic", align_corners=True) * amount * (2 / side)
    line = (torch.arange(side) + 0.5) * (2 / side) - 1
    rest = torch.stack([line[None, :].expand(side, side), line[:, None].expand(side, side)], dim=-1)
    return F.grid_sample(cover, rest + bend.permute(0, 2, 3, 1), mode="bilinear", padding_mode="border", align_corners=False)


def blurred(pictures: torch.Tensor, sigma: float) -> torch.Tensor:
    taps = torch.exp(-torch.arange(-2.0, 3.0) ** 2 / (2 * sigma**2))
    taps /= taps.sum()
    channels = pictures.shape[1]
    out = F.pad(pictures, (2, 2, 2, 2), mode="replicate")
    out = F.conv2d(out, taps.view(1, 1, 1, 5).expand(channels, 1, 1, 5), groups=channels)
    return F.conv2d(out, taps.view(1, 1, 5, 1).expand(channels, 1, 5, 1), groups=channels)


def composed(ground: torch.Tensor, colours: list[torch.Tensor], cover: torch.Tensor) -> torch.Tensor:
    """Things laid over a ground one after the other; colours are [count, 3], from 0 to 255."""
    count, side = cover.shape[0], cover.shape[-1]
    x = ground.view(count, 3, 1, 1).expand(count, 3, side, side)
    for k, colour in enumerate(colours):
        x = x + cover[:, k : k + 1] * (colour.view(count, 3, 1, 1) - x)
    return x


def worn(x: torch.Tensor) -> torch.Tensor:
    """Whole numbers from 0 to 255, like the input, as a reader of picture files would get them."""
    count, _, side, _ = x.shape
    if torch.rand(()) < 0.5:
        x = blurred(x, 0.35 + 0.6 * torch.rand(()).item())
    x = x * (1 + 0.05 * torch.randn(count, 1, 1, 1) * (torch.rand(count, 1, 1, 1) < 0.5))
    x = x + torch.randn(count, 3, side, side) * (9 * torch.rand(count, 1, 1, 1) ** 2)
    x = x + F.interpolate(torch.randn(count, 3, 8, 8), size=(side, side), mode="bilinear") * (8 * torch.rand(count, 1, 1, 1) ** 2)
    return x.clamp(0, 255).round()
