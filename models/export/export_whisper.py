"""Turns a Whisper checkpoint into the ONNX layout that the runner, and Transformers.js, read.

    python export_whisper.py CHECKPOINT OUT                     # weights as they are in the checkpoint
    python export_whisper.py CHECKPOINT OUT --storage fp16      # half the size, still computed in float32
    python export_whisper.py CHECKPOINT OUT --no-attentions     # without what times of words need

OUT gets `onnx/encoder_model.onnx`, `onnx/decoder_model_merged.onnx`, the configurations and the tokenizer. The decoder is one
graph with two branches that share all weights: with `use_cache_branch` false it reads the encoder's states, with true what it
kept of them and of the tokens it has read. `cross_attentions.N` tell where in the sound each token looked.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper
from transformers import WhisperForConditionalGeneration

from graphs import SETTINGS_FILES, TOKENIZER_FILES, Command, copy_files, save, trace, write_graph


class Encoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.encoder = model.model.encoder

    def forward(self, input_features):
        return self.encoder(input_features).last_hidden_state


class Decoder(torch.nn.Module):
    """The decoder written out, because the library's own attention hides its weights and its mask depends on traced lengths."""

    def __init__(self, model, has_past: bool, attentions: bool):
        super().__init__()
        self.decoder, self.head = model.model.decoder, model.proj_out
        self.has_past, self.attentions = has_past, attentions

    def forward(self, input_ids, *given):
        begin = given[0].shape[2] if self.has_past else 0
        place = torch.arange(input_ids.shape[1], device=input_ids.device) + begin
        scale = getattr(self.decoder, "embed_scale", 1.0)
        hidden = self.decoder.embed_tokens(input_ids) * scale + self.decoder.embed_positions.weight[place]
        mask = torch.where(torch.arange(input_ids.shape[1] + begin)[None, :] <= place[:, None], 0.0, torch.finfo(torch.float32).min)
        kept, looked = [], []
        for i, layer in enumerate(self.decoder.layers):
            own, cross = layer.self_attn, layer.encoder_attn
            x = layer.self_attn_layer_norm(hidden)
            key, value = heads(own, own.k_proj(x)), heads(own, own.v_proj(x))
            if self.has_past:
                key, value = torch.cat([given[4 * i], key], 2), torch.cat([given[4 * i + 1], value], 2)
            mixed, _ = attend(own, x, key, value, mask)
            hidden = hidden + mixed
            kept += [key, value]
            if self.has_past:
                far_key, far_value = given[4 * i + 2], given[4 * i + 3]
            else:
                far_key, far_value = heads(cross, cross.k_proj(given[0])), heads(cross, cross.v_proj(given[0]))
                kept += [far_key, far_value]
            mixed, weights = attend(cross, layer.encoder_attn_layer_norm(hidden), far_key, far_value, None)
            hidden = hidden + mixed
            looked.append(weights)
            hidden = hidden + layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(hidden))))
        logits = self.head(self.decoder.layer_norm(hidden))
        return (logits, *kept, *(looked if self.attentions else ()))


def heads(attention, x):
    return x.view(x.shape[0], x.shape[1], attention.num_heads, attention.head_dim).transpose(1, 2)


def attend(attention, x, key, value, mask):
    scores = heads(attention, attention.q_proj(x) * attention.scaling) @ key.transpose(2, 3)
    weights = torch.softmax(scores if mask is None else scores + mask, -1)
    mixed = (weights @ value).transpose(1, 2).flatten(2)
    return attention.out_proj(mixed), weights


def decoder_graph(model, has_past: bool, attentions: bool) -> onnx.ModelProto:
    config = model.config
    width = config.d_model // config.decoder_attention_heads
    layers = range(config.decoder_layers)
    past = [f"past_key_values.{i}.{side}.{part}" for i in layers for side in ("decoder", "encoder") for part in ("key", "value")]
    inputs = {"input_ids": torch.zeros(1, 1 if has_past else 2, dtype=torch.int64)}
    if has_past:
        lengths = {"decoder": 3, "encoder": config.max_source_positions}
        inputs |= {name: torch.randn(1, config.decoder_attention_heads, lengths[name.split(".")[2]], width) for name in past}
    else:
        inputs["encoder_hidden_states"] = torch.randn(1, config.max_source_positions, config.d_model)
    present = [name.replace("past_key_values", "present") for name in past if not (has_past and ".encoder." in name)]
    outputs = ["logits", *present] + ([f"cross_attentions.{i}" for i in layers] if attentions else [])
    axes = {name: {0: "batch", 1: "tokens"} for name in ("input_ids", "logits")} | {"encoder_hidden_states": {0: "batch"}}
    axes |= {name: {0: "batch", 2: "past" if ".decoder." in name else "sound"} for name in past}
    axes |= {name: {0: "batch", 2: "total" if ".decoder." in name else "sound"} for name in present}
    axes |= {name: {0: "batch", 2: "tokens"} for name in outputs if name.startswith("cross")}
    return trace(Decoder(model, has_past, attentions), inputs, outputs, {k: v for k, v in axes.items() if k in [*inputs, *outputs]})


def merge(first: onnx.ModelProto, later: onnx.ModelProto) -> onnx.ModelProto:
    """One graph that takes either branch. Weights lie outside of both, each once."""
    weights: dict[str, onnx.TensorProto] = {}
    branches = []
    for tag, model in (("first", first), ("later", later)):
        graph = model.graph
        renamed = {v.name: v.name for v in graph.input} | {"": ""}
        for tensor in graph.initializer:
            digest = hashlib.sha256(tensor.raw_data + str((tensor.data_type, list(tensor.dims))).encode()).hexdigest()
            outer = weights.setdefault(digest, tensor)
            renamed[tensor.name] = f"w{list(weights).index(digest)}" if outer is not tensor else f"w{len(weights) - 1}"
        for node in graph.node:
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    names[i] = renamed.setdefault(name, f"{tag}_{name}")
        for output in graph.output:
            output.name = renamed[output.name]
        branches.append((tag, graph))
    for i, tensor in enumerate(weights.values()):
        tensor.name = f"w{i}"
    kept = {v.name.removeprefix("first_"): v for v in branches[0][1].output}
    given = {v.name: v for _, graph in branches for v in graph.input}
    bodies = []
    for tag, graph in branches:
        nodes, outs = list(graph.node), {v.name.removeprefix(f"{tag}_"): v for v in graph.output}
        for name in kept:
            if name not in outs:  # what was kept of the sound stays as it is
                inner = f"{tag}_{name}"
                nodes.append(helper.make_node("Identity", [name.replace("present", "past_key_values")], [inner]))
                outs[name] = onnx.ValueInfoProto()
                outs[name].CopyFrom(given[name.replace("present", "past_key_values")])
                outs[name].name = inner
        bodies.append(helper.make_graph(nodes, tag, [], [outs[name] for name in kept]))
    outputs = []
    for name, value in kept.items():
        output = onnx.ValueInfoProto()
        output.CopyFrom(value)
        output.name = name
        outputs.append(output)
    flag = helper.make_tensor_value_info("use_cache_branch", TensorProto.BOOL, [1])
    choice = helper.make_node("If", ["use_cache_branch"], list(kept), then_branch=bodies[1], else_branch=bodies[0])
    graph = helper.make_graph([choice], "decoder", [*given.values(), flag], outputs, initializer=list(weights.values()))
    return helper.make_model(graph, opset_imports=first.opset_import, ir_version=first.ir_version)


def export_whisper(source: Path, out: Path, storage: str = "as-is", external: bool = False, attentions: bool = True) -> None:
    model = WhisperForConditionalGeneration.from_pretrained(source, dtype=torch.float32, attn_implementation="eager").eval()
    config = model.config
    sound = {"input_features": torch.randn(1, config.num_mel_bins, 2 * config.max_source_positions)}
    batch = {name: {0: "batch"} for name in ("input_features", "last_hidden_state")}
    write_graph(Encoder(model), sound, ["last_hidden_state"], batch, out / "onnx" / "encoder_model.onnx", storage, external)
    decoder = merge(decoder_graph(model, False, attentions), decoder_graph(model, True, attentions))
    save(decoder, out / "onnx" / "decoder_model_merged.onnx", storage, external)
    copy_files(source, out, ("config.json", *SETTINGS_FILES, *TOKENIZER_FILES, "added_tokens.json", "normalizer.json"))


if __name__ == "__main__":
    command = Command(__doc__)
    command.add_argument("--no-attentions", dest="attentions", action="store_false", help="leave out where tokens look, which times of words need")
    command.run(export_whisper)
