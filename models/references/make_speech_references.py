"""Records what Transformers says with tiny speech models of random weights: VITS, with one voice and with several, and SpeechT5.

    python make_speech_references.py        # all
    python make_speech_references.py vits   # some

README.md describes the files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from transformers import SpeechT5Config, SpeechT5ForTextToSpeech, SpeechT5HifiGan, SpeechT5HifiGanConfig, VitsConfig, VitsModel, VitsTokenizer

from make_references import HERE, SOURCE, seeded, write_json

sys.path.insert(0, str(HERE.parent / "export"))
from export_speecht5 import character_tokenizer, export_speecht5  # noqa: E402
from export_vits import export_vits  # noqa: E402

HOW = "models/references/make_speech_references.py"
LETTERS = "abcdefghijklmnopqrstuvwxyz '-ü"
TEXTS = ["The river runs.", "  Naïve café? Don't -- 3 KÜHE, 日本語!\n", "a"]
SAMPLES_KEPT = 4000


def row_by_row(like: torch.Tensor) -> torch.Tensor:
    """Noise in the order of its elements. The library's own order is that of the other tensor's memory, which is transposed."""
    return torch.randn(like.shape)


class Writer:
    def __init__(self, out: Path):
        self.out = out
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)

    def tensor(self, label: str, value: torch.Tensor) -> dict:
        (self.out / f"{label}.f32").write_bytes(value.detach().float().contiguous().numpy().astype("<f4").tobytes())
        return dict(file=f"{label}.f32", shape=list(value.shape))


def make_vits(name: str, out: Path, speakers: int) -> None:
    writer = Writer(out)
    with tempfile.TemporaryDirectory() as temp, torch.no_grad():
        folder = Path(temp)
        # The blank stands first.
        vocab = {letter: i for i, letter in enumerate("_" + LETTERS)}
        (folder / "vocab.json").write_text(json.dumps(vocab))
        # The last of the alphabet stands for what is unknown, as in the published models.
        tokenizer = VitsTokenizer(str(folder / "vocab.json"), pad_token="_", unk_token="z", add_blank=True, normalize=True, phonemize=False, is_uroman=False)
        tokenizer.save_pretrained(folder)
        model = seeded(VitsModel(VitsConfig(
            vocab_size=len(vocab), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, window_size=4, ffn_dim=24, flow_size=16, spectrogram_bins=17,
            prior_encoder_num_flows=2, prior_encoder_num_wavenet_layers=2, posterior_encoder_num_wavenet_layers=1, duration_predictor_num_flows=2,
            duration_predictor_filter_channels=16, depth_separable_num_layers=2, upsample_initial_channel=16, upsample_rates=[8, 4], upsample_kernel_sizes=[16, 8],
            resblock_kernel_sizes=[3, 5], resblock_dilation_sizes=[[1, 3], [1, 3]], num_speakers=speakers, speaker_embedding_size=8 if speakers > 1 else 0,
            noise_scale=0.667, noise_scale_duration=0.8, speaking_rate=1.0, sampling_rate=16000,
        )), 501 + speakers)
        model.save_pretrained(folder)
        model = VitsModel.from_pretrained(folder).eval()
        export_vits(folder, out / "model", storage="fp16")
        cases = []
        for i, text in enumerate(TEXTS):
            speaker = 2 if speakers > 1 else None
            ids = tokenizer(text, return_tensors="pt").input_ids
            torch.manual_seed(42 + i)
            with mock.patch("torch.randn_like", row_by_row):
                said = model(ids, speaker_id=speaker).waveform[0]
            cases.append(dict(input=dict(text=text, seed=42 + i, **(dict(speaker=speaker) if speaker else {})), expected=dict(
                ids=ids[0].tolist(), samples=len(said), waveform=writer.tensor(f"speech-{i}", said[:SAMPLES_KEPT]))))
        write_json(out / "speeches.json", dict(source=SOURCE, how=f"{HOW} {name}", family=name, speeches=cases))
    report(name, out)


def last_row_dropped(states: torch.Tensor, p: float) -> torch.Tensor:
    """Of the dropout that the model uses also when it speaks only the newest frame's matters; half of its numbers are kept."""
    keep = torch.ones_like(states)
    keep[-1] = (torch.randn(states.shape[-1]) > 0).float()
    return keep


def make_speecht5(out: Path) -> None:
    writer = Writer(out)
    with tempfile.TemporaryDirectory() as temp, torch.no_grad():
        folder = Path(temp)
        pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *"etaonihsrdlumcfwgypbvkxjqz.,'TIANR"]
        model = seeded(SpeechT5ForTextToSpeech(SpeechT5Config(
            vocab_size=len(pieces), hidden_size=24, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=32, decoder_layers=2, decoder_attention_heads=2,
            decoder_ffn_dim=32, num_mel_bins=20, speech_decoder_prenet_layers=2, speech_decoder_prenet_units=32, speech_decoder_postnet_layers=3,
            speech_decoder_postnet_units=16, speaker_embedding_dim=16, reduction_factor=2, max_speech_positions=600, max_text_positions=200,
            encoder_max_relative_position=20, num_conv_pos_embeddings=16,
        )), 601)
        # So that it neither ends at once nor never.
        model.speech_decoder_postnet.prob_out.bias.sub_(1.6)
        vocoder = seeded(SpeechT5HifiGan(SpeechT5HifiGanConfig(
            model_in_dim=20, upsample_initial_channel=16, upsample_rates=[4, 4], upsample_kernel_sizes=[8, 8], resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1, 3]],
        )), 602)
        model.save_pretrained(folder / "model")
        vocoder.save_pretrained(folder / "vocoder")
        model, vocoder = SpeechT5ForTextToSpeech.from_pretrained(folder / "model").eval(), SpeechT5HifiGan.from_pretrained(folder / "vocoder").eval()
        voices = {}
        (folder / "voices").mkdir()
        for i, name in enumerate(["female-1", "female-2", "male-1"]):
            voices[name] = torch.randn(1, 16, generator=torch.Generator().manual_seed(610 + i))
            np.save(folder / "voices" / name, voices[name].numpy())
        export_speecht5(folder / "model", folder / "vocoder", folder / "voices", out / "model", "fp16", pieces)
        tokenizer = character_tokenizer(pieces)
        cases = []
        for i, (text, voice) in enumerate([("The river runs.", "male-1"), ("  I'd say:\ta naïve  日本 café", "female-2"), ("a", "female-1")]):
            ids = tokenizer.encode(text).ids
            torch.manual_seed(42 + i)
            with mock.patch("torch.bernoulli", last_row_dropped):
                said = model.generate_speech(torch.tensor([ids]), voices[voice], vocoder=vocoder)
            cases.append(dict(input=dict(text=text, seed=42 + i, voice=voice), expected=dict(
                ids=ids, samples=len(said), waveform=writer.tensor(f"speech-{i}", said[:SAMPLES_KEPT]))))
            print(text, len(ids), len(said))
        write_json(out / "speeches.json", dict(source=SOURCE, how=f"{HOW} speecht5", family="speecht5", speeches=cases))
    report("speecht5", out)


def report(name: str, out: Path) -> None:
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    if size > 1_000_000:
        raise SystemExit(f"{name}: {size} bytes are more than the 1 MB a family may take")
    print(f"{name}: {size / 1000:.0f} kB", flush=True)


MAKERS = {
    "vits": lambda out: make_vits("vits", out, 1),
    "vits-speakers": lambda out: make_vits("vits-speakers", out, 3),
    "speecht5": make_speecht5,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MAKERS))
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.names or MAKERS:
        MAKERS[name](args.out / name)


if __name__ == "__main__":
    main()
