"""Turns a BLIP captioning checkpoint into the ONNX layout that the runner reads.

    python export_blip.py CHECKPOINT OUT                  # weights as they are in the checkpoint
    python export_blip.py CHECKPOINT OUT --storage fp16   # half the size, still computed in float32

OUT gets two graphs, the configurations and the tokenizer:

    onnx/vision_model.onnx   pixel_values -> last_hidden_state, and for each layer of the decoder cross.N.key and cross.N.value:
                             what it sees of the picture, computed once instead of for every word
    onnx/text_decoder.onnx   input_ids, position_ids, past_key_values.N.key and .value, cross.N.key and .value
                             -> logits, present.N.key and .value
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from transformers import BlipForConditionalGeneration
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from graphs import SETTINGS_FILES, TOKENIZER_FILES, Command, copy_files, write_config, write_graph


class Vision(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.vision = model.vision_model
        self.layers = [layer.crossattention.self for layer in model.text_decoder.bert.encoder.layer]
        self.projections = torch.nn.ModuleList([part for layer in self.layers for part in (layer.key, layer.value)])

    def forward(self, pixel_values):
        seen = self.vision(pixel_values=pixel_values).last_hidden_state
        first = self.layers[0]
        shape = (*seen.shape[:2], first.num_attention_heads, first.attention_head_size)
        return (seen, *(project(seen).view(shape).transpose(1, 2) for project in self.projections))


class Decoder(torch.nn.Module):
    """The mask is made here, with plain comparisons: the library's own depends on the traced lengths."""

    def __init__(self, model):
        super().__init__()
        self.decoder = model.text_decoder
        self.layers = model.config.text_config.num_hidden_layers

    def forward(self, input_ids, position_ids, *known):
        past, cross = DynamicCache(), DynamicCache()
        for layer in range(self.layers):
            past.update(known[2 * layer], known[2 * layer + 1], layer)
            cross.update(known[2 * (self.layers + layer)], known[2 * (self.layers + layer) + 1], layer)
        cache = EncoderDecoderCache(past, cross)
        cache.is_updated = dict.fromkeys(range(self.layers), True)
        positions = torch.arange(known[0].shape[2] + input_ids.shape[1], device=input_ids.device)
        mask = torch.where(positions[None, None, :] <= position_ids[:, :, None], 0.0, torch.finfo(torch.float32).min)[:, None]
        out = self.decoder(
            input_ids=input_ids, position_ids=position_ids, attention_mask=mask, past_key_values=cache, use_cache=True, is_decoder=True,
            encoder_hidden_states=known[-1],  # only that there is one matters: keys and values are known
        )
        kept = [t for layer in out.past_key_values.self_attention_cache.layers for t in (layer.keys, layer.values)]
        return (out.logits, *kept)


def export_blip(source: Path, out: Path, storage: str = "as-is", external: bool = False) -> None:
    model = BlipForConditionalGeneration.from_pretrained(source, dtype=torch.float32, attn_implementation="eager").eval()
    text, vision = model.config.text_config, model.config.vision_config
    side, heads, width = vision.image_size, text.num_attention_heads, text.hidden_size // text.num_attention_heads
    patches = (side // vision.patch_size) ** 2 + 1
    parts = [f"{layer}.{part}" for layer in range(text.num_hidden_layers) for part in ("key", "value")]
    folder, write = out / "onnx", partial(write_graph, storage=storage, external=external)

    seen = ["last_hidden_state", *(f"cross.{part}" for part in parts)]
    pixels = {"pixel_values": torch.rand(1, 3, side, side)}
    write(Vision(model), pixels, seen, {name: {0: "batch"} for name in ["pixel_values", *seen]}, folder / "vision_model.onnx")

    read, fresh = 3, 2
    inputs = {"input_ids": torch.zeros(1, fresh, dtype=torch.int64), "position_ids": torch.arange(read, read + fresh)[None]}
    inputs |= {f"past_key_values.{part}": torch.randn(1, heads, read, width) for part in parts}
    inputs |= {f"cross.{part}": torch.randn(1, heads, patches, width) for part in parts}
    outputs = ["logits", *(f"present.{part}" for part in parts)]
    axes = {
        **{name: {0: "batch", 1: "sequence"} for name in ("input_ids", "position_ids", "logits")},
        **{f"past_key_values.{part}": {0: "batch", 2: "past"} for part in parts},
        **{f"present.{part}": {0: "batch", 2: "total"} for part in parts},
        **{f"cross.{part}": {0: "batch"} for part in parts},
    }
    write(Decoder(model), inputs, outputs, axes, folder / "text_decoder.onnx")

    write_config(source, out)
    copy_files(source, out, (*SETTINGS_FILES, *TOKENIZER_FILES))


if __name__ == "__main__":
    Command(__doc__).run(export_blip)
