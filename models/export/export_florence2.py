"""Turns a Florence-2 checkpoint (in the form of Transformers) into the ONNX layout that Transformers.js reads.

    python export_florence2.py CHECKPOINT OUT                  # weights as they are in the checkpoint
    python export_florence2.py CHECKPOINT OUT --storage fp16   # half the size, still computed in float32

OUT gets four graphs, the configurations and the tokenizer:

    onnx/embed_tokens.onnx           input_ids -> inputs_embeds
    onnx/vision_encoder.onnx         pixel_values -> image_features
    onnx/encoder_model.onnx          inputs_embeds -> last_hidden_state
    onnx/decoder_model_merged.onnx   inputs_embeds, encoder_hidden_states, past_key_values.N.decoder.key and .value
                                     -> logits, present.N.decoder.key and .value, present.N.encoder.key and .value

Checkpoints with code of their own have to be brought into the form of Transformers first. Published exports of the same layout work too.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import Florence2ForConditionalGeneration
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from graphs import SETTINGS_FILES, TOKENIZER_FILES, Command, copy_files, write_config, write_graph


class Embedder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.embed = model.model.language_model.shared

    def forward(self, input_ids):
        return self.embed(input_ids)


class Vision(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model.model

    def forward(self, pixel_values):
        return self.model.get_image_features(pixel_values).pooler_output


class Encoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.encoder = model.model.language_model.encoder

    def forward(self, inputs_embeds):
        return self.encoder(inputs_embeds=inputs_embeds).last_hidden_state


class Decoder(torch.nn.Module):
    """Mask and positions are made here, with plain comparisons: the library's own depend on the traced lengths."""

    def __init__(self, model):
        super().__init__()
        self.decoder, self.head = model.model.language_model.decoder, model.lm_head
        self.layers = model.config.text_config.decoder_layers
        places = self.decoder.embed_positions
        places.forward = lambda *_, **__: torch.nn.functional.embedding(self.positions + places.offset, places.weight)

    def forward(self, inputs_embeds, encoder_hidden_states, *known):
        past = DynamicCache()
        for layer in range(self.layers):
            past.update(known[2 * layer], known[2 * layer + 1], layer)
        read, fresh = known[0].shape[2], inputs_embeds.shape[1]
        all_positions = torch.arange(read + fresh, device=inputs_embeds.device)
        self.positions = all_positions[read:][None]
        mask = torch.where(all_positions[None, :] <= self.positions[0][:, None], 0.0, torch.finfo(torch.float32).min)[None, None]
        cache = EncoderDecoderCache(past, DynamicCache())
        out = self.decoder(inputs_embeds=inputs_embeds, attention_mask=mask, encoder_hidden_states=encoder_hidden_states, past_key_values=cache, use_cache=True)
        kept = [t for part in (cache.self_attention_cache, cache.cross_attention_cache) for layer in part.layers for t in (layer.keys, layer.values)]
        return (self.head(out.last_hidden_state), *kept)


def export_florence2(source: Path, out: Path, storage: str = "as-is", external: bool = False) -> None:
    model = Florence2ForConditionalGeneration.from_pretrained(source, dtype=torch.float32, attn_implementation="eager").eval()
    text = model.config.text_config
    size = json.loads((source / "preprocessor_config.json").read_text())["size"]
    pixels, ids = torch.rand(1, 3, size["height"], size["width"]), torch.zeros(1, 5, dtype=torch.int64)
    embeds = torch.randn(1, 5, text.d_model)
    batch, sequence = {0: "batch"}, {0: "batch", 1: "sequence"}

    read, heads = 3, text.decoder_attention_heads
    parts = [f"{layer}.decoder.{part}" for layer in range(text.decoder_layers) for part in ("key", "value")]
    known = {f"past_key_values.{part}": torch.randn(1, heads, read, text.d_model // heads) for part in parts}
    present = [f"present.{part}" for part in parts] + [f"present.{part.replace('decoder', 'encoder')}" for part in parts]
    graphs = {
        "embed_tokens": (Embedder(model), {"input_ids": ids}, ["inputs_embeds"], {"input_ids": sequence, "inputs_embeds": sequence}),
        "vision_encoder": (Vision(model), {"pixel_values": pixels}, ["image_features"], {"pixel_values": batch, "image_features": batch}),
        "encoder_model": (Encoder(model), {"inputs_embeds": embeds}, ["last_hidden_state"], {"inputs_embeds": sequence, "last_hidden_state": sequence}),
        "decoder_model_merged": (
            Decoder(model), {"inputs_embeds": embeds[:, :2], "encoder_hidden_states": embeds, **known}, ["logits", *present],
            {
                "inputs_embeds": sequence, "encoder_hidden_states": {0: "batch", 1: "seen"}, "logits": sequence,
                **{name: {0: "batch", 2: "past"} for name in known}, **{name: {0: "batch", 2: f"{name} length"} for name in present},
            },
        ),
    }
    for name, graph in graphs.items():
        write_graph(*graph, out / "onnx" / f"{name}.onnx", storage, external)

    write_config(source, out)
    copy_files(source, out, (*SETTINGS_FILES, "processor_config.json", *TOKENIZER_FILES))


if __name__ == "__main__":
    Command(__doc__).run(export_florence2)
