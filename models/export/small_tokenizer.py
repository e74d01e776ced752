"""Tokenizers with a vocabulary of a few hundred tokens, in the files and form of the full-size ones: CLIP's, BERT's, and those
that split into bytes as GPT-2's does."""

from __future__ import annotations

import itertools
import json
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import BertTokenizerFast, CLIPTokenizer

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


def byte_level_tokenizer(texts: list[str], size: int, special: list[str] = [], around: tuple[str, str] | None = None) -> Tokenizer:
    """`special` have the first ids; `around` are those that begin and end every text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts * 20, trainer)
    if around is not None:
        ids = [(token, tokenizer.token_to_id(token)) for token in around]
        tokenizer.post_processor = processors.TemplateProcessing(single=f"{around[0]} $A {around[1]}", special_tokens=ids)
    return tokenizer


def padded(tokenizer: Tokenizer, size: int) -> Tokenizer:
    """The same with words up to a published vocabulary's size. No text is split into them, but a model can write them."""
    described = json.loads(tokenizer.to_str())
    vocab = described["model"]["vocab"]
    words = (f"\u0120{word}" for word in made_up_words())
    vocab |= {word: len(vocab) + i for i, word in enumerate(itertools.islice(words, size - len(vocab)))}
    return Tokenizer.from_str(json.dumps(described))


def made_up_words() -> Iterator[str]:
    """Of consonants, so that no word of a language is among them."""
    letters = sorted(set(string.ascii_lowercase) - set("aeiouy"))
    return ("".join(word) for word in itertools.product(letters, repeat=5))


def bert_tokenizer(folder: Path, words: list[str], size: int = 0) -> BertTokenizerFast:
    """The layout of BERT's vocabulary: ids 0, 100 to 103 as published ones have them, so that defaults fit."""
    known = [*dict.fromkeys([*words, *string.ascii_lowercase, *(f"##{c}" for c in string.ascii_lowercase)])]
    tokens = ["[PAD]", *(f"[unused{i}]" for i in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]", *known]
    tokens += itertools.islice(made_up_words(), max(0, size - len(tokens)))
    vocab = folder / "vocab.txt"
    vocab.write_text("\n".join(tokens) + "\n")
    tokenizer = BertTokenizerFast(vocab=str(vocab), do_lower_case=True)
    tokenizer.save_pretrained(folder)
    vocab.unlink()
    return tokenizer
