"""Turns a decoder-only checkpoint (Llama, Qwen and their like) into the ONNX layout that the runner reads.

    python export_llm.py CHECKPOINT OUT                  # weights as they are in the checkpoint
    python export_llm.py CHECKPOINT OUT --storage fp16   # half the size, still computed in float32

OUT gets `onnx/model.onnx`, the configurations and the tokenizer. The graph reads tokens after what it has read before:
`past_key_values.N.key` and `.value` in, `present.N.key` and `.value` out. Weights over 2 GB go beside the graph.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM
from transformers.cache_utils import DynamicCache

from graphs import SETTINGS_FILES, TOKENIZER_FILES, Command, copy_files, write_graph


class Decoder(torch.nn.Module):
    """The mask is made here, with plain comparisons: the library's own depends on the traced lengths."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.layers = model.config.num_hidden_layers

    def forward(self, input_ids, attention_mask, position_ids, *past):
        cache = DynamicCache(config=self.model.config)
        for layer in range(self.layers):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        known = torch.arange(attention_mask.shape[1], device=input_ids.device)
        allowed = (known[None, None, :] <= position_ids[:, :, None]) & attention_mask[:, None, :].bool()
        mask = torch.where(allowed[:, None], 0.0, torch.finfo(torch.float32).min)
        out = self.model(input_ids=input_ids, attention_mask=mask, position_ids=position_ids, past_key_values=cache, use_cache=True)
        kept = [t for layer in out.past_key_values.layers for t in (layer.keys, layer.values)]
        return (out.logits, *kept)


def export_llm(source: Path, out: Path, storage: str = "as-is", external: bool = False) -> None:
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, attn_implementation="eager").eval()
    config = model.config
    heads = config.num_key_value_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    read, fresh = 3, 2
    inputs = {
        "input_ids": torch.zeros(1, fresh, dtype=torch.int64),
        "attention_mask": torch.ones(1, read + fresh, dtype=torch.int64),
        "position_ids": torch.arange(read, read + fresh)[None],
    }
    names = [f"{layer}.{part}" for layer in range(config.num_hidden_layers) for part in ("key", "value")]
    inputs |= {f"past_key_values.{name}": torch.randn(1, heads, read, width) for name in names}
    outputs = ["logits"] + [f"present.{name}" for name in names]
    axes = {
        "input_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: "total"}, "position_ids": {0: "batch", 1: "sequence"},
        "logits": {0: "batch", 1: "sequence"},
        **{f"past_key_values.{name}": {0: "batch", 2: "past"} for name in names},
        **{f"present.{name}": {0: "batch", 2: "total"} for name in names},
    }
    write_graph(Decoder(model), inputs, outputs, axes, out / "onnx" / "model.onnx", storage, external)
    copy_files(source, out, ("config.json", *SETTINGS_FILES, *TOKENIZER_FILES, "chat_template.jinja"))


if __name__ == "__main__":
    Command(__doc__).run(export_llm)
