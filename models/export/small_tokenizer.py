"""A CLIP tokenizer with a vocabulary of a few hundred tokens, in the files and form of the full-size ones."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"


def byte_alphabet() -> list[str]:
    """The printable stand-ins for the 256 bytes that CLIP's and GPT-2's tokenizers share, in the order of that table."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(256 - len(plain))]


def learn_merges(texts: list[str]) -> list[tuple[str, str]]:
    """Byte pair encoding until every word of the corpus is one token. Ties go to the pair that sorts first."""
    words = Counter(w for text in texts for w in text.replace(",", " , ").split())
    split = {w: [*w[:-1], w[-1] + "</w>"] for w in words}
    merges = []
    while True:
        pairs: Counter[tuple[str, str]] = Counter()
        for w, parts in split.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += words[w]
        if not pairs:
            return merges
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        for w, parts in split.items():
            joined, i = [], 0
            while i < len(parts):
                if tuple(parts[i : i + 2]) == best:
                    joined.append(parts[i] + parts[i + 1])
                    i += 2
                else:
                    joined.append(parts[i])
                    i += 1
            split[w] = joined


def make_tokenizer(folder: Path, texts: list[str], pad: str = END, length: int = 77) -> CLIPTokenizer:
    """Writes vocab.json, merges.txt, both configurations and tokenizer.json. `pad` is END in SD 1.x, "!" in SD 2.x."""
    merges = learn_merges(texts)
    alphabet = byte_alphabet()
    tokens = [*alphabet, *(a + "</w>" for a in alphabet), *("".join(m) for m in merges), START, END]
    folder.mkdir(parents=True, exist_ok=True)
    special = dict(bos_token=START, eos_token=END, unk_token=END, pad_token=pad)
    config = dict(
        tokenizer_class="CLIPTokenizer", model_max_length=length, do_lower_case=True, add_prefix_space=False, errors="replace", **special
    )
    files = {
        "vocab.json": json.dumps({t: i for i, t in enumerate(tokens)}, ensure_ascii=False),
        "merges.txt": "\n".join(["#version: 0.2", *(" ".join(m) for m in merges)]) + "\n",
        "special_tokens_map.json": json.dumps(special, indent=2) + "\n",
        "tokenizer_config.json": json.dumps(config, indent=2) + "\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # The library writes tokenizer.json and its own reading of the configuration; the others are the published form.
    for name, text in files.items():
        (folder / name).write_text(text)
    return tokenizer
