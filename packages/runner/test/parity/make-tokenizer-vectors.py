"""Writes vectors/runner/clip-tokens.json: a small CLIP tokenizer and the ids its reference implementation gives.

Run offline with Python and transformers installed: python packages/runner/test/parity/make-tokenizer-vectors.py
"""

import json
import pathlib
import tempfile

import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers, Regex
from transformers import CLIPTokenizer

CORPUS = """a large red circle on a blue background, two small green squares and one yellow triangle in the corner.
the photographer's café is open; don't ask, it's 10:45! naïve résumé façade über straße. stars shine, circles turn.
a painting of a fox sitting in a field at sunrise in the style of claude monet, 4k, highly detailed""".split("\n")
TEXTS = [
    "",
    "a large red circle on a blue background",
    "A  LARGE\tRed\n circle",
    "the fox's café, don't! 4k 1234",
    "circle-square/triangle (small:1.2) [red|blue]",
    "cafe\u0301 na\u00efve \u00dcber stra\u00dfe \u0130stanbul",
    "日本の狐 🦊 done",
    "it's we've they'll I'd i'm you're WHO'S",
    "<|startoftext|>fox<|endoftext|> a",
    "!!! ... ?!",
    "\u00a0wide\u2003spaces\u200b",
    "a painting of a fox " * 30,
]

source = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>", continuing_subword_prefix=""))
source.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
source.pre_tokenizer = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ]
)
alphabet = pre_tokenizers.ByteLevel.alphabet()
source.train_from_iterator(
    CORPUS, trainers.BpeTrainer(vocab_size=640, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False)
)
model = json.loads(source.to_str())["model"]
pieces = sorted(alphabet) + [letter + "</w>" for letter in sorted(alphabet)]
merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
merges = [m for m in merges if m[0] != "" and m[1] != ""]
for left, right in merges:
    if left + right not in pieces:
        pieces.append(left + right)
vocab = {piece: index for index, piece in enumerate(pieces + ["<|startoftext|>", "<|endoftext|>"])}

cases = []
for pad in ("<|endoftext|>", "!"):
    tokenizer = CLIPTokenizer(vocab=vocab, merges=merges, pad_token=pad, model_max_length=77)
    for text in TEXTS if pad != "!" else TEXTS[:2]:
        ids = tokenizer(text, padding="max_length", max_length=77, truncation=True).input_ids
        cases.append({"name": f"{text[:30]} padded with {pad}", "input": {"text": text, "pad": pad}, "expected": ids})

target = pathlib.Path(__file__).parents[4] / "vectors/runner/clip-tokens.json"
head = {
    "source": f"CLIPTokenizer of transformers {transformers.__version__}",
    "how": "packages/runner/test/parity/make-tokenizer-vectors.py",
    "vocab": vocab,
    "merges": [" ".join(m) for m in merges],
}
lines = ",\n".join("    " + json.dumps(case, ensure_ascii=False) for case in cases)
parts = [f'  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}' for k, v in head.items()]
target.write_text("{\n" + ",\n".join(parts) + ',\n  "cases": [\n' + lines + "\n  ]\n}\n")
with tempfile.TemporaryDirectory() as folder:
    tokenizer.save_pretrained(folder)
    print(sorted(p.name for p in pathlib.Path(folder).iterdir()))
print(len(cases), "cases,", len(vocab), "tokens,", target.stat().st_size, "bytes")
