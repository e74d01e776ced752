"""Records what Transformers makes of conversations with tiny language models of random weights: Llama, Qwen and Mistral.

    python make_llm_references.py

README.md describes the files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from transformers import (
    LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM,
)

from make_references import HERE, SOURCE, rounded, seeded, write_json

sys.path.insert(0, str(HERE.parent / "export"))
from export_llm import export_llm  # noqa: E402
from small_tokenizer import byte_level_tokenizer  # noqa: E402

HOW = "models/references/make_llm_references.py"

TEXTS = ["The river runs from the hills to the sea.", "What is two plus three?", "naïve café — Straße 日本語 🙂👍🏽", "def f(x):\n    return x + 1\n"]

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = (
    "{{ bos_token }}{% for message in messages %}{{ '<|start|>' + message['role'] + '<|end|>\n\n' + message['content'] | trim + '<|eot|>' }}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant<|end|>\n\n{% endif %}"
)

COMMON = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256)
FAMILIES = {
    "llama": dict(seed=401, special=["<|begin|>", "<|start|>", "<|end|>", "<|eot|>"], bos="<|begin|>", eos="<|eot|>", template=LLAMA,
                  model=lambda v: LlamaForCausalLM(LlamaConfig(vocab_size=v, rope_theta=10000.0, tie_word_embeddings=False, **COMMON))),
    "qwen": dict(seed=411, special=["<|endoftext|>", "<|im_start|>", "<|im_end|>"], bos=None, eos="<|im_end|>", template=CHATML,
                 model=lambda v: Qwen2ForCausalLM(Qwen2Config(vocab_size=v, rope_theta=1000000.0, tie_word_embeddings=True, **COMMON))),
    # Each token sees the seven before it and no more.
    "mistral": dict(seed=421, special=["<|begin|>", "<|start|>", "<|end|>", "<|eot|>"], bos="<|begin|>", eos="<|eot|>", template=LLAMA,
                    model=lambda v: MistralForCausalLM(MistralConfig(vocab_size=v, sliding_window=8, tie_word_embeddings=False, **COMMON))),
}

CONVERSATIONS = [
    [dict(role="user", content="What is two plus three?")],
    [dict(role="system", content="You answer briefly."), dict(role="user", content="The river runs."), dict(role="assistant", content="To the sea."),
     dict(role="user", content="  naïve café 日本語 🙂 ")],
]


def answered(model, tokenizer, turns: list[dict], most: int) -> dict:
    """What the library reads, and what it writes when it always takes the likeliest token."""
    ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=True, return_dict=False)
    given = torch.tensor([ids])
    # Named, because the library would take the padding token in a prompt for padding.
    made = model.generate(given, attention_mask=torch.ones_like(given), max_new_tokens=most, do_sample=False, pad_token_id=0)[0, len(ids):].tolist()
    return dict(ids=ids, tokens=made, text=tokenizer.decode(made, skip_special_tokens=True))


def make(name: str, out: Path) -> None:
    family = FAMILIES[name]
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    tokenizer = byte_level_tokenizer(TEXTS, 340, family["special"])
    with tempfile.TemporaryDirectory() as temp, torch.no_grad():
        folder = Path(temp)
        special = dict(eos_token=family["eos"], **({"bos_token": family["bos"]} if family["bos"] else {}))
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=family["template"], **special)
        fast.save_pretrained(folder)
        model = seeded(family["model"](len(fast)), family["seed"])
        model.generation_config.eos_token_id = [fast.convert_tokens_to_ids(family["eos"])]
        model.save_pretrained(folder)
        export_llm(folder, out / "model", storage="fp16")
        cases = []
        for turns in CONVERSATIONS:
            expected = answered(model, fast, turns, most=32)
            logits = model(torch.tensor([expected["ids"]])).logits[0, -1]
            cases.append(dict(input=dict(messages=turns), expected=dict(expected, logits=rounded(logits))))
        write_json(out / "answers.json", dict(source=SOURCE, how=f"{HOW} {name}", family=name, answers=cases))
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    if size > 1_000_000:
        raise SystemExit(f"{name}: {size} bytes are more than the 1 MB a family may take")
    print(f"{name}: {size / 1000:.0f} kB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.names or list(FAMILIES):
        make(name, args.out / name)


if __name__ == "__main__":
    main()
