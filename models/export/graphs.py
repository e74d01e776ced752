"""What all exports share: from a module to an ONNX file, files that go along, and the command line."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
# Of weights, in bytes. One file is easier to handle. But the runtime keeps what is in a graph beside what it makes of it, which for
# a language model of half a gigabyte is a third more memory and time to load; and protocol buffers end at 2 GiB.
INLINE_LIMIT = 50_000_000
# Smaller tensors (norms, biases, shapes) are worth less than the Cast node they would cost.
SMALLEST_HALVED = 256

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt", "vocab.txt")
SETTINGS_FILES = ("generation_config.json", "preprocessor_config.json")

Axes = dict[str, dict[int, str]]


def trace(module: torch.nn.Module, inputs: dict[str, torch.Tensor], outputs: list[str], axes: Axes) -> onnx.ModelProto:
    """`axes` are the sizes that may be others, by name of the input or output."""
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"  # of a graph over 2 GB, the exporter leaves a file for each tensor beside it
        torch.onnx.export(
            module.eval(), tuple(inputs.values()), str(path),
            input_names=list(inputs), output_names=outputs, dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )
        model = onnx.load(str(path))
    shorten_names(model)
    return model


def save(model: onnx.ModelProto, path: Path, storage: str = "as-is", external: bool = False) -> None:
    """The weights go inside where they fit, else into one file beside the graph."""
    share_transposed(model)
    if storage == "fp16":
        halve_weights(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + "_data")
    beside.unlink(missing_ok=True)  # of an earlier export, it would be written on after its end
    weights = sum(len(tensor.raw_data) for tensor in model.graph.initializer)  # a message over 2 GiB cannot say its size
    if external or weights > INLINE_LIMIT:
        onnx.save(model, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location=beside.name, size_threshold=1024)
        beside.chmod(path.stat().st_mode)  # the library keeps it for its owner alone
    else:
        onnx.save(model, str(path))
    onnx.checker.check_model(str(path))


def write_graph(
    module: torch.nn.Module, inputs: dict[str, torch.Tensor], outputs: list[str], axes: Axes, path: Path, storage: str = "as-is", external: bool = False
) -> None:
    save(trace(module, inputs, outputs, axes), path, storage, external)


def share_transposed(model: onnx.ModelProto) -> None:
    """Stores a matrix that is another one's transpose once, which is what the exporter makes of word embeddings that also score
    words. The runtime turns it when it loads the graph."""
    graph = model.graph
    large = {tuple(t.dims): t for t in graph.initializer if len(t.dims) == 2 and np.prod(t.dims, dtype=np.int64) >= SMALLEST_HALVED}
    turned = []
    for tensor in graph.initializer:
        other = large.get(tuple(reversed(tensor.dims)))
        if other is None or other.dims[0] <= other.dims[1]:  # words are more than what each is made of
            continue
        if np.array_equal(numpy_helper.to_array(tensor), numpy_helper.to_array(other).T):
            turned.append((tensor, helper.make_node("Transpose", [other.name], [tensor.name], perm=[1, 0])))
    for tensor, _ in turned:
        graph.initializer.remove(tensor)
    nodes = [node for _, node in turned] + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)


def halve_weights(model: onnx.ModelProto) -> None:
    """Stores large float32 weights as float16 behind a Cast. The runtime folds the Cast away when it loads the graph."""
    casts, kept = [], []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims, dtype=np.int64) < SMALLEST_HALVED:
            kept.append(tensor)
            continue
        limit = np.finfo(np.float16).max
        half = np.clip(numpy_helper.to_array(tensor), -limit, limit).astype(np.float16)
        kept.append(numpy_helper.from_array(half, tensor.name + "_half"))
        casts.append(helper.make_node("Cast", [tensor.name + "_half"], [tensor.name], to=TensorProto.FLOAT))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(casts + nodes)


def shorten_names(model: onnx.ModelProto) -> None:
    """The exporter names every value by its path through the modules, often more bytes than a tiny model's weights."""
    graph = model.graph
    short = {v.name: v.name for v in [*graph.input, *graph.output]} | {"": ""}
    weights = {t.name for t in graph.initializer}

    def rename(names) -> None:
        for i, name in enumerate(names):
            if name not in short:
                short[name] = name if name in weights and not name.startswith("onnx::") else f"v{len(short)}"
            names[i] = short[name]

    for node in graph.node:
        node.ClearField("doc_string")
        node.ClearField("name")
        rename(node.input)
        rename(node.output)
    for tensor in graph.initializer:
        tensor.name = short.get(tensor.name, tensor.name)
    del graph.value_info[:]


def write_config(source: Path, folder: Path) -> None:
    config = json.loads((source / "config.json").read_text())
    for unwanted in ("_name_or_path", "_commit_hash"):
        config.pop(unwanted, None)
    write_json(folder / "config.json", config)


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def copy_files(source: Path, out: Path, names: Iterable[str]) -> None:
    """Those that the checkpoint has."""
    for name in names:
        if (source / name).exists():
            shutil.copy(source / name, out / name)


def dtype_of(compute: str) -> torch.dtype:
    return torch.float16 if compute == "fp16" else torch.float32


class Command(argparse.ArgumentParser):
    """The command line of an export: folders, the last of which is the result, and how numbers are kept."""

    def __init__(self, about: str | None, *folders: str, compute: bool = False):
        super().__init__(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
        self.folders = folders or ("checkpoint", "out")
        for folder in self.folders:
            self.add_argument(folder, type=Path)
        self.add_argument("--storage", choices=("as-is", "fp16"), default="as-is", help="fp16: keep weights as float16, compute in float32")
        if compute:
            self.add_argument("--compute", choices=("fp32", "fp16"), default="fp32", help="the type of the graphs' arithmetic and of their inputs")
        self.add_argument("--external", action="store_true", help="weights beside the graph even when they would fit inside")

    def run(self, export: Callable[..., None]) -> None:
        """The function takes the folders and, by name, the options. Says how large the result is."""
        options = vars(self.parse_args())
        folders = [options.pop(name) for name in self.folders]
        export(*folders, **options)
        size = sum(file.stat().st_size for file in folders[-1].rglob("*") if file.is_file())
        print(f"{folders[-1]}: {size / 1e6:.1f} MB")
