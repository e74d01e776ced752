"""Records what Transformers says of small pictures with tiny captioning models of random weights.

    python make_caption_references.py            # all
    python make_caption_references.py blip       # one

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
from PIL import Image
from transformers import (
    BartConfig,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipTextConfig,
    BlipVisionConfig,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2VisionConfig,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTModel,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from make_edit_references import source_picture
from make_references import HERE, SOURCE, rounded, seeded, write_json

sys.path.insert(0, str(HERE.parent / "export"))
from export_blip import export_blip  # noqa: E402
from export_florence2 import export_florence2  # noqa: E402
from export_vit_gpt2 import export_vit_gpt2  # noqa: E402
from small_tokenizer import bert_tokenizer, byte_level_tokenizer  # noqa: E402

HOW = "models/references/make_caption_references.py"
TEXTS = ["a picture of a red circle", "a photo of two blue squares in the grass", "it isn't a cat, is it?"]
FLORENCE_LENGTH = 40
LENGTH = 20  # of prompt and caption together, which the network's runners leave at the library's default
PICTURES = {"wide": (75, 50), "high": (20, 61), "tiny": (1, 1), "same": (32, 32)}
PROMPTS = ["", "a picture of", "It's  Café, \U0001f642 isn't it?", "日本 one-two"]
WORDS = "a an the of on in it its is not picture photo red blue green circle square big small cafe one two - , . ' ? ! s t isn".split()


def stretched(picture: Image.Image, side: int, method: Image.Resampling) -> Image.Image:
    """Rows first, then columns, as the image library did it before it chose for itself (version 13)."""
    return picture.resize((side, picture.height), method).resize((side, side), method)


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
        tokenizer = bert_tokenizer(folder, WORDS)
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
        record("blip", out, tokenizer, processor, lambda pixels, ids: (
            [size, *ids],
            dict(pixel_values=pixels, input_ids=torch.tensor([[tokenizer.cls_token_id, *ids, tokenizer.sep_token_id]])),
            lambda begun: model.text_decoder(begun, encoder_hidden_states=model.vision_model(pixels).last_hidden_state, is_decoder=True),
        ), model, LENGTH)


def make_vit_gpt2(out: Path) -> None:
    with tempfile.TemporaryDirectory() as temp, torch.no_grad():
        folder = Path(temp)
        base = byte_level_tokenizer(TEXTS, 320, ["<|endoftext|>"])
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, bos_token="<|endoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>")
        tokenizer.save_pretrained(folder)
        end = tokenizer.eos_token_id
        vision = ViTConfig(hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=3, image_size=32, patch_size=8)
        text = GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=4, n_positions=64, add_cross_attention=True, is_decoder=True, bos_token_id=end, eos_token_id=end)
        model = VisionEncoderDecoderModel(encoder=ViTModel(vision, add_pooling_layer=False), decoder=GPT2LMHeadModel(text))
        seeded(model, 511)
        for name, weights in model.named_parameters():
            if ".ln_" in name and name.endswith("weight"):
                weights.copy_((1 + 0.1 * torch.randn(weights.shape, generator=torch.Generator("cpu").manual_seed(512))).half().float())
            if name.endswith(("wpe.weight", "c_attn.weight")):
                weights.copy_((2 * weights).half().float())
        for config in (model.config, model.generation_config):
            config.decoder_start_token_id = config.eos_token_id = config.pad_token_id = end
        model.generation_config.max_length = 16
        model.save_pretrained(folder)
        processor = ViTImageProcessorPil(size=dict(height=32, width=32))
        processor.save_pretrained(folder)
        shutil.rmtree(out, ignore_errors=True)
        export_vit_gpt2(folder, out / "model", storage="fp16")
        model = VisionEncoderDecoderModel.from_pretrained(folder, attn_implementation="eager").eval()
        record("vit-gpt2", out, tokenizer, processor, lambda pixels, ids: (
            [end, *ids],
            dict(pixel_values=pixels, decoder_input_ids=torch.tensor([[end, *ids]])),
            lambda begun: model(pixel_values=pixels, decoder_input_ids=begun),
        ), model, 16)


TASKS = {"<CAPTION>": "a picture of", "<DETAILED_CAPTION>": "a photo of two"}


def make_florence2(out: Path) -> None:
    with tempfile.TemporaryDirectory() as temp, torch.no_grad():
        folder = Path(temp)
        special = ["<s>", "<pad>", "</s>", "<unk>"]
        base = byte_level_tokenizer(TEXTS, 320, special, ("<s>", "</s>"))
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
        tokenizer.save_pretrained(folder)
        size = len(tokenizer)
        vision = Florence2VisionConfig(depths=[1, 1], patch_size=[7, 3], patch_stride=[4, 2], patch_padding=[3, 1], patch_prenorm=[False, True], embed_dim=[8, 16],
                                       num_heads=[2, 2], num_groups=[2, 2], window_size=4, projection_dim=32, max_position_embeddings=8, drop_path_rate=0.0)
        text = BartConfig(vocab_size=size + 1, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48,
                          decoder_ffn_dim=48, max_position_embeddings=320, bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=None)
        model = seeded(Florence2ForConditionalGeneration(Florence2Config(vision_config=vision.to_dict(), text_config=text.to_dict(), image_token_id=size)), 521)
        generator = torch.Generator("cpu").manual_seed(522)
        for name, weights in model.named_parameters():
            if name.endswith(("layernorm_embedding.weight", "layer_norm.weight")):
                weights.copy_(1 + 0.1 * torch.randn(weights.shape, generator=generator))
            if name.endswith(("q_proj.weight", "v_proj.weight", "embed_positions.weight")):
                weights.mul_(2)
            weights.copy_(weights.half().float())
        model.generation_config.update(decoder_start_token_id=2, bos_token_id=0, eos_token_id=2, pad_token_id=1, forced_bos_token_id=0, no_repeat_ngram_size=3, num_beams=1, max_length=FLORENCE_LENGTH)
        model.save_pretrained(folder)
        prepare = BlipImageProcessorPil(size=dict(height=32, width=32), image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
        prepare.save_pretrained(folder)
        described = json.loads((folder / "preprocessor_config.json").read_text())
        described |= dict(image_processor_type="CLIPImageProcessor", processor_class="Florence2Processor", task_prompts_without_inputs=TASKS)
        (folder / "preprocessor_config.json").write_text(json.dumps(described, indent=2) + "\n")
        shutil.rmtree(out, ignore_errors=True)
        export_florence2(folder, out / "model", storage="fp16")
        model = Florence2ForConditionalGeneration.from_pretrained(folder, attn_implementation="eager").eval()
        cases = []
        for name, wide_high in PICTURES.items():
            picture = source_picture(*wide_high)
            picture.save(out / f"{name}.png", optimize=True)
            pixels = prepare(stretched(picture, 32, Image.Resampling.BICUBIC), return_tensors="pt").pixel_values
            (out / f"{name}.pixels.f32").write_bytes(pixels.numpy().tobytes())
            seen = model.model.get_image_features(pixels).pooler_output.shape[1]
            for prompt in ["", "<DETAILED_CAPTION>", "a photo"] if name == "wide" else [""]:
                task = TASKS.get(prompt, TASKS["<CAPTION>"])
                begun = [2] if prompt in TASKS or prompt == "" else [2, 0, *tokenizer(prompt, add_special_tokens=False).input_ids]
                ids = torch.tensor([[size] * seen + tokenizer(task).input_ids])
                arguments = dict(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=pixels)
                made = model.generate(**arguments, decoder_input_ids=torch.tensor([begun]), max_length=FLORENCE_LENGTH, do_sample=False, num_beams=1)[0].tolist()
                logits = model(**arguments, decoder_input_ids=torch.tensor([begun])).logits[0, -1]
                cases.append(dict(
                    input=dict(picture=f"{name}.png", prompt=prompt),
                    expected=dict(pixels=dict(file=f"{name}.pixels.f32", shape=list(pixels.shape)), ids=begun, logits=rounded(logits), tokens=made,
                                  text=tokenizer.decode(made, skip_special_tokens=True)),
                ))
        write_json(out / "captions.json", dict(source=SOURCE, how=f"{HOW} florence2", family="florence2", captions=cases))


def record(family: str, out: Path, tokenizer, processor, asking, model, length: int) -> None:
    """`asking` makes of pixels and the prompt's ids: what the decoder reads first, the arguments of a generation, and a way to logits."""
    method = Image.Resampling(processor.resample)
    cases = []
    for name, wide_high in PICTURES.items():
        picture = source_picture(*wide_high)
        picture.save(out / f"{name}.png", optimize=True)
        pixels = processor(stretched(picture, 32, method), return_tensors="pt").pixel_values
        (out / f"{name}.pixels.f32").write_bytes(pixels.numpy().tobytes())
        for prompt in PROMPTS if name == "wide" else PROMPTS[:2]:
            begun, arguments, read = asking(pixels, tokenizer(prompt, add_special_tokens=False).input_ids)
            if len(begun) >= length:
                continue
            # Named, because the library would take the padding token in a prompt for padding.
            mask = dict(attention_mask=torch.ones_like(arguments["input_ids"])) if "input_ids" in arguments else {}
            made = model.generate(**arguments, **mask, max_length=length, do_sample=False, num_beams=1)[0].tolist()
            logits = read(torch.tensor([begun])).logits[0, -1]
            text = tokenizer.decode(made, skip_special_tokens=True, clean_up_tokenization_spaces=True)
            cases.append(dict(
                input=dict(picture=f"{name}.png", prompt=prompt),
                expected=dict(pixels=dict(file=f"{name}.pixels.f32", shape=list(pixels.shape)), ids=begun, logits=rounded(logits), tokens=made, text=text),
            ))
    write_json(out / "captions.json", dict(source=SOURCE, how=f"{HOW} {family}", family=family, captions=cases))


FAMILIES = {"blip": make_blip, "vit-gpt2": make_vit_gpt2, "florence2": make_florence2}


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
