"""Turns a SAM 2 checkpoint (2.0 or 2.1, in the form of Transformers) into the ONNX layout that the runner reads.

    python export_sam2.py CHECKPOINT OUT                  # weights as they are in the checkpoint
    python export_sam2.py CHECKPOINT OUT --storage fp16   # half the size, still computed in float32

OUT gets two graphs and the configurations:

    onnx/vision_encoder.onnx                pixel_values -> image_embeddings.0, .1 and .2
    onnx/prompt_encoder_mask_decoder.onnx   these, input_points, input_labels, input_masks, has_input_masks
                                            -> iou_scores, pred_masks, object_score_logits

The layout is the common one, and says more: a mask to start from goes in (`has_input_masks` is 1 when there is one), and four masks
come out instead of three, the first of them the model's single answer. Points are taken as they are, none included: who feeds them
adds the empty point, label -1, that ends every list.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from transformers import Sam2Model

from graphs import Command, copy_files, write_config, write_graph

LEVELS = [f"image_embeddings.{level}" for level in range(3)]


class Vision(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
        # Pictures have one size, so what is told of places is always the same.
        backbone = model.vision_encoder.backbone
        side = model.config.prompt_encoder_config.image_size // backbone.config.patch_stride[0]
        with torch.no_grad():
            places = backbone._get_pos_embed((side, side))
        backbone._get_pos_embed = lambda _: places

    def forward(self, pixel_values):
        return tuple(self.model.get_image_embeddings(pixel_values))


class PromptedDecoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
        # What is told of the masks decides which one is the answer; here all are.
        model.mask_decoder.dynamic_multimask_via_stability = True
        model.mask_decoder._dynamic_multimask_via_stability = lambda masks, scores: (masks, scores)

    def forward(self, fine, medium, coarse, input_points, input_labels, input_masks, has_input_masks):
        prompts = self.model.prompt_encoder
        sparse = prompts._embed_points(input_points, input_labels, pad=False)
        blank = prompts.no_mask_embed.weight.reshape(1, -1, 1, 1)
        dense = torch.where(has_input_masks.reshape(1, 1, 1, 1) > 0, prompts.mask_embed(input_masks), blank)
        masks, scores, _, object_score = self.model.mask_decoder(
            image_embeddings=coarse, image_positional_embeddings=self.model.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=sparse, dense_prompt_embeddings=dense, multimask_output=False, high_resolution_features=[fine, medium],
        )
        return scores, masks, object_score


def export_sam2(source: Path, out: Path, storage: str = "as-is", external: bool = False) -> None:
    model = Sam2Model.from_pretrained(source, dtype=torch.float32, attn_implementation="eager").eval()
    side = model.config.prompt_encoder_config.image_size
    folder, write = out / "onnx", partial(write_graph, storage=storage, external=external)

    pixels = torch.rand(1, 3, side, side)
    with torch.no_grad():
        seen = model.get_image_embeddings(pixels)
    write(Vision(model), {"pixel_values": pixels}, LEVELS, {}, folder / "vision_encoder.onnx")

    inputs = dict(zip(LEVELS, seen)) | {
        "input_points": torch.rand(1, 1, 3, 2) * side,
        "input_labels": torch.tensor([[[1, 0, -1]]]),
        "input_masks": torch.randn(1, 1, *model.prompt_encoder.mask_input_size),
        "has_input_masks": torch.ones(1),
    }
    axes = {"input_points": {2: "points"}, "input_labels": {2: "points"}}
    outputs = ["iou_scores", "pred_masks", "object_score_logits"]
    write(PromptedDecoder(model), inputs, outputs, axes, folder / "prompt_encoder_mask_decoder.onnx")

    write_config(source, out)
    copy_files(source, out, ["preprocessor_config.json"])


if __name__ == "__main__":
    Command(__doc__).run(export_sam2)
