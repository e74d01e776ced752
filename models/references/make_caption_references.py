"""Records what Transformers says of small pictures with tiny captioning models of random weights.

    python make_caption_references.py            # all
    python make_caption_references.py blip       # one

README.md describes the files.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from PIL import Image
from transformers import BertTokenizerFast, BlipConfig, BlipForConditionalGeneration, BlipTextConfig, BlipVisionConfig
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from make_edit_references import source_picture
from make_references import HERE, SOURCE, rounded, seeded, write_json

sys.path.insert(0, str(HERE.parent / "export"))
from export_blip import export_blip  # noqa: E402

HOW = "models/references/make_caption_references.py"
LENGTH = 20  # of prompt and caption together, which the network's runners leave at the library's default
PICTURES = {"wide": (75, 50), "high": (20, 61), "tiny": (1, 1), "same": (32, 32)}
PROMPTS = ["", "a picture of", "It's  Café, \U0001f642 isn't it?", "日本 one-two"]
WORDS = "a an the of on in it its is not picture photo red blue green circle square big small cafe one two - , . ' ? ! s t isn".split()


def stretched(picture: Image.Image, side: int, method: Image.Resampling) -> Image.Image:
    """Rows first, then columns, as the image library did it before it chose for itself (version 13)."""
    return picture.resize((side, picture.height), method).resize((side, side), method)


def save_bert_tokenizer(folder: Path) -> BertTokenizerFast:
    """The layout of BERT's vocabulary: ids 0, 100 to 103 as published ones have them, so that defaults fit."""
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    words = [*dict.fromkeys([*WORDS, *letters, *(f"##{c}" for c in letters)])]
    tokens = ["[PAD]", *(f"[unused{i}]" for i in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    vocab = folder / "vocab.txt"
    vocab.write_text("\n".join(tokens) + "\n")
    tokenizer = BertTokenizerFast(vocab=str(vocab), do_lower_case=True)
    tokenizer.save_pretrained(folder)
    vocab.unlink()
    return tokenizer


def enliven(model, size: int) -> None:
    """Random weights say one token again and again. Norms that keep the scale, larger attention and a bias against what is no
    word make texts that depend on the picture and on each token before."""
    generator = torch.Generator("cpu").manual_seed(502)
    for name, weights in model.named_parameters():
        if name.endswith("LayerNorm.weight"):
            weights.copy_(1 + 0.1 * torch.randn(weights.shape, generator=generator))
        if name.startswith("text_decoder") and name.endswith(("value.weight", "query.weight", "position_embeddings.weight")):
            weights.mul_(2)
        weights.copy_(weights.half().float())
    bias = model.text_decoder.cls.predictions.bias
    bias[:102], bias[102], bias[103], bias[size:] = -20, 5, -20, -20


def make_blip(out: Path) -> None:
    with tempfile.TemporaryDirectory() as temp, torch.no_grad():
        folder = Path(temp)
        tokenizer = save_bert_tokenizer(folder)
        size = len(tokenizer)
        text = BlipTextConfig(vocab_size=size + 2, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                              max_position_embeddings=64, bos_token_id=size, sep_token_id=tokenizer.sep_token_id, encoder_hidden_size=24)
        vision = BlipVisionConfig(hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=3, image_size=32, patch_size=8, initializer_range=0.02)
        model = seeded(BlipForConditionalGeneration(BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict())), 501)
        enliven(model, size)
        model.save_pretrained(folder)
        processor = BlipImageProcessorPil(size=dict(height=32, width=32))
        processor.save_pretrained(folder)
        shutil.rmtree(out, ignore_errors=True)
        export_blip(folder, out / "model", storage="fp16")
        model = BlipForConditionalGeneration.from_pretrained(folder, attn_implementation="eager").eval()
        cases = []
        for name, wide_high in PICTURES.items():
            picture = source_picture(*wide_high)
            picture.save(out / f"{name}.png", optimize=True)
            pixels = processor(stretched(picture, 32, Image.Resampling.BICUBIC), return_tensors="pt").pixel_values
            for prompt in PROMPTS if name == "wide" else PROMPTS[:2]:
                ids = tokenizer(prompt, return_tensors="pt").input_ids
                given = ids[:, :-1].clone()
                given[:, 0] = size
                seen = model.vision_model(pixels).last_hidden_state
                logits = model.text_decoder(given, encoder_hidden_states=seen, is_decoder=True).logits[0, -1]
                made = model.generate(pixel_values=pixels, input_ids=ids, attention_mask=torch.ones_like(ids), max_length=LENGTH, do_sample=False)[0].tolist()
                cases.append(dict(
                    input=dict(picture=f"{name}.png", prompt=prompt),
                    expected=dict(pixels=dict(file=f"{name}.pixels.f32", shape=list(pixels.shape)), ids=given[0].tolist(), logits=rounded(logits), tokens=made, text=tokenizer.decode(made, skip_special_tokens=True, clean_up_tokenization_spaces=True)),
                ))
            (out / f"{name}.pixels.f32").write_bytes(pixels.numpy().tobytes())
        write_json(out / "captions.json", dict(source=SOURCE, how=f"{HOW} blip", family="blip", captions=cases))


FAMILIES = {"blip": make_blip}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.names or list(FAMILIES):
        out = args.out / name
        FAMILIES[name](out)
        size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
        if size > 1_000_000:
            raise SystemExit(f"{name}: {size} bytes are more than the 1 MB a family may take")
        print(f"{name}: {size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
