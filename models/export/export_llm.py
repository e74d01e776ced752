"""Turns a decoder-only checkpoint (Llama, Qwen and their like) into the ONNX layout that the runner reads.

    python export_llm.py CHECKPOINT OUT                  # weights as they are in the checkpoint
    python export_llm.py CHECKPOINT OUT --storage fp16   # half the size, still computed in float32

OUT gets `onnx/model.onnx`, the configurations and the tokenizer. The graph reads tokens after what it has read before:
`past_key_values.N.key` and `.value` in, `present.N.key` and `.value` out; `logits` are those after the last token.
Large weights go beside the graph.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch.onnx import register_custom_op_symbolic, symbolic_helper
from transformers import AttentionInterface, AutoModelForCausalLM
from transformers.cache_utils import Cache

from graphs import OPSET, SETTINGS_FILES, TOKENIZER_FILES, Command, copy_files, write_graph

ATTENTION = "one_node"
WHOLE = -1


@torch.library.custom_op("rivulet::attention", mutates_args=())
def attention(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, past_keys: torch.Tensor, past_values: torch.Tensor,
    last: torch.Tensor, total: torch.Tensor, heads: int, groups: int, scale: float, window: int, cap: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of tokens to themselves and those before them, whose keys and values go in and come out with the new ones. Traced, never worked out."""
    length = past_keys.shape[2] + queries.shape[1]
    return torch.empty_like(queries), *(past.new_empty(*past.shape[:2], length, past.shape[3]) for past in (past_keys, past_values))


def attention_node(graph, queries, keys, values, past_keys, past_values, last, total, heads, groups, scale, window, cap):
    """One node of ONNX Runtime, which copies no key for each of the heads that share it and holds no number for every pair of tokens."""
    number = symbolic_helper._parse_arg
    mixed, *present = graph.op(
        "com.microsoft::GroupQueryAttention", queries, keys, values, past_keys, past_values, last, total, outputs=3,
        num_heads_i=number(heads, "i"), kv_num_heads_i=number(groups, "i"), scale_f=number(scale, "f"),
        local_window_size_i=number(window, "i"), softcap_f=number(cap, "f"),
    )
    longer = past_keys.type().with_sizes([None] * 4)
    return mixed.setType(queries.type()), *(part.setType(longer) for part in present)


register_custom_op_symbolic("rivulet::attention", attention_node, OPSET)


class Past(Cache):
    """What comes of a layer is left as it is: the attention node puts it to what it had."""

    def __init__(self):
        super().__init__(layers=[])

    def update(self, keys, values, *_, **__):
        return keys, values

    def get_seq_length(self, *_):
        return 0


class Decoder(torch.nn.Module):
    """Works out what comes after the last token only: the numbers for each token of a long prompt would take gigabytes."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        AttentionInterface.register(ATTENTION, self.attend)
        model.set_attn_implementation(ATTENTION)

    def attend(self, layer, queries, keys, values, _, scaling, sliding_window=None, softcap=None, **__):
        heads, groups = queries.shape[1], keys.shape[1]
        flat = (part.transpose(1, 2).flatten(2) for part in (queries, keys, values))
        own = slice(2 * layer.layer_idx, 2 * layer.layer_idx + 2)
        mixed, *self.present[own] = attention(*flat, *self.past[own], *self.lengths, heads, groups, scaling, sliding_window or WHOLE, softcap or 0.0)
        return mixed.unflatten(2, (heads, -1)), None

    def forward(self, input_ids, attention_mask, position_ids, *past):
        self.past, self.present = past, [None] * len(past)
        self.lengths = attention_mask.sum(1, dtype=torch.int32) - 1, torch.scalar_tensor(attention_mask.shape[1], dtype=torch.int32)
        unused = attention_mask[:, None, None]  # one of four dimensions is taken as it is, and the node needs none
        out = self.model(input_ids=input_ids, attention_mask=unused, position_ids=position_ids, past_key_values=Past(), use_cache=True, logits_to_keep=1)
        return (out.logits, *self.present)


def export_llm(source: Path, out: Path, storage: str = "as-is", external: bool = False) -> None:
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32).eval()
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
        "logits": {0: "batch"},
        **{f"past_key_values.{name}": {0: "batch", 2: "past"} for name in names},
        **{f"present.{name}": {0: "batch", 2: "total"} for name in names},
    }
    write_graph(Decoder(model), inputs, outputs, axes, out / "onnx" / "model.onnx", storage, external)
    copy_files(source, out, ("config.json", *SETTINGS_FILES, *TOKENIZER_FILES, "chat_template.jinja"))


if __name__ == "__main__":
    Command(__doc__).run(export_llm)
