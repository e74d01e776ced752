"""Turns a Swin2SR checkpoint into the ONNX layout that the runner reads.

    python export_swin2sr.py CHECKPOINT OUT [--storage fp16]

OUT gets `onnx/model.onnx` (pixel_values → reconstruction, any size of whole windows), `config.json` and
`preprocessor_config.json`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import Swin2SRForImageSuperResolution

from graphs import Command, copy_files, write_config, write_graph


class Upscaler(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model(pixel_values).reconstruction


def export_swin2sr(source: Path, out: Path, storage: str = "as-is", external: bool = False) -> None:
    model = Swin2SRForImageSuperResolution.from_pretrained(source).eval()
    side = 4 * model.config.window_size
    image = {0: "batch", 2: "height", 3: "width"}
    # Wider than high, so that no axis is taken for the other.
    inputs = {"pixel_values": torch.rand(1, model.config.num_channels, side, side + model.config.window_size)}
    axes = {"pixel_values": image, "reconstruction": image}
    write_graph(Upscaler(model), inputs, ["reconstruction"], axes, out / "onnx" / "model.onnx", storage, external)
    write_config(source, out)
    copy_files(source, out, ["preprocessor_config.json"])


if __name__ == "__main__":
    Command(__doc__).run(export_swin2sr)
