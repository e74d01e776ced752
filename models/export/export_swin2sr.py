"""Turns a Swin2SR checkpoint into the ONNX layout that the runner reads.

    python export_swin2sr.py CHECKPOINT OUT [--storage fp16]

OUT gets `onnx/model.onnx` (pixel_values → reconstruction, any size of whole windows), `config.json` and
`preprocessor_config.json`.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from transformers import Swin2SRForImageSuperResolution

from export import finish_graph, write_config, write_graph


class Upscaler(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model(pixel_values).reconstruction


def export_swin2sr(source: Path, out: Path, storage: str = "as-is") -> None:
    model = Swin2SRForImageSuperResolution.from_pretrained(source).eval()
    side = 4 * model.config.window_size
    image = {0: "batch", 2: "height", 3: "width"}
    # Wider than high, so that no axis is taken for the other.
    inputs = {"pixel_values": torch.rand(1, model.config.num_channels, side, side + model.config.window_size)}
    path = out / "onnx" / "model.onnx"
    write_graph(Upscaler(model), inputs, ["reconstruction"], {"pixel_values": image, "reconstruction": image}, path)
    finish_graph(path, storage, False)
    write_config(source, out)
    shutil.copy(source / "preprocessor_config.json", out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--storage", choices=("as-is", "fp16"), default="as-is")
    args = parser.parse_args()
    export_swin2sr(args.checkpoint, args.out, args.storage)


if __name__ == "__main__":
    main()
