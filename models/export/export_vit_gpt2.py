"""Turns a captioning checkpoint of a vision transformer and GPT-2 into the ONNX layout that Transformers.js reads.

    python export_vit_gpt2.py CHECKPOINT OUT                  # weights as they are in the checkpoint
    python export_vit_gpt2.py CHECKPOINT OUT --storage fp16   # half the size, still computed in float32

OUT gets two graphs, the configurations and the tokenizer:

    onnx/encoder_model.onnx          pixel_values -> last_hidden_state
    onnx/decoder_model_merged.onnx   input_ids, encoder_hidden_states, past_key_values.N.key and .value
                                     -> logits, present.N.key and .value

The decoder reads after any number of tokens, none included, so it is one graph and not two with a switch between them.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from transformers import VisionEncoderDecoderModel
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from graphs import SETTINGS_FILES, TOKENIZER_FILES, Command, copy_files, write_config, write_graph


class Encoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        seen = self.model.encoder(pixel_values).last_hidden_state
        return self.model.enc_to_dec_proj(seen) if hasattr(self.model, "enc_to_dec_proj") else seen


class Decoder(torch.nn.Module):
    """The mask is made here, with plain comparisons: the library's own depends on the traced lengths."""

    def __init__(self, model):
        super().__init__()
        self.decoder = model.decoder
        self.layers = model.config.decoder.n_layer

    def forward(self, input_ids, encoder_hidden_states, *known):
        past = DynamicCache()
        for layer in range(self.layers):
            past.update(known[2 * layer], known[2 * layer + 1], layer)
        read, fresh = known[0].shape[2], input_ids.shape[1]
        positions = torch.arange(read + fresh, device=input_ids.device)
        mine = positions[read:]
        mask = torch.where(positions[None, :] <= mine[:, None], 0.0, torch.finfo(torch.float32).min)[None, None]
        cache = EncoderDecoderCache(past, DynamicCache())
        out = self.decoder(input_ids=input_ids, position_ids=mine[None], attention_mask=mask, past_key_values=cache, use_cache=True,
                           encoder_hidden_states=encoder_hidden_states)
        kept = [t for layer in out.past_key_values.self_attention_cache.layers for t in (layer.keys, layer.values)]
        return (out.logits, *kept)


def export_vit_gpt2(source: Path, out: Path, storage: str = "as-is", external: bool = False) -> None:
    model = VisionEncoderDecoderModel.from_pretrained(source, dtype=torch.float32, attn_implementation="eager").eval()
    vision, text = model.config.encoder, model.config.decoder
    folder, write = out / "onnx", partial(write_graph, storage=storage, external=external)
    pixels = torch.rand(1, 3, vision.image_size, vision.image_size)
    with torch.no_grad():
        seen = Encoder(model)(pixels)
    batch = {0: "batch"}
    write(Encoder(model), {"pixel_values": pixels}, ["last_hidden_state"], {"pixel_values": batch, "last_hidden_state": batch}, folder / "encoder_model.onnx")

    read, fresh = 3, 2
    parts = [f"{layer}.{part}" for layer in range(text.n_layer) for part in ("key", "value")]
    inputs = {"input_ids": torch.zeros(1, fresh, dtype=torch.int64), "encoder_hidden_states": seen}
    inputs |= {f"past_key_values.{part}": torch.randn(1, text.n_head, read, text.n_embd // text.n_head) for part in parts}
    outputs = ["logits", *(f"present.{part}" for part in parts)]
    axes = {
        **{name: {0: "batch", 1: "sequence"} for name in ("input_ids", "logits")},
        "encoder_hidden_states": {0: "batch", 1: "patches"},
        **{f"past_key_values.{part}": {0: "batch", 2: "past"} for part in parts},
        **{f"present.{part}": {0: "batch", 2: "total"} for part in parts},
    }
    write(Decoder(model), inputs, outputs, axes, folder / "decoder_model_merged.onnx")

    write_config(source, out)
    copy_files(source, out, (*SETTINGS_FILES, *TOKENIZER_FILES))


if __name__ == "__main__":
    Command(__doc__).run(export_vit_gpt2)
