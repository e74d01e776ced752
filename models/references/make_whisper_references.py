"""Records what Transformers hears with tiny Whisper models of random weights: one of several languages, one of English alone.

    python make_whisper_references.py

README.md describes the files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from tokenizers import AddedToken
from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer
from transformers.pipelines.automatic_speech_recognition import chunk_iter

from make_references import HERE, SOURCE, rounded, seeded, write_json

sys.path.insert(0, str(HERE.parent / "export"))
from export_whisper import export_whisper  # noqa: E402
from small_tokenizer import byte_level_tokenizer  # noqa: E402

HOW = "models/references/make_whisper_references.py"
RATE, CHUNK = 16_000, 30
END, START = "<|endoftext|>", "<|startoftranscript|>"
TASKS = ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
LANGUAGES = ["<|en|>", "<|de|>", "<|ja|>", "<|fr|>"]
TEXTS = [" The river runs from the hills to the sea.", " What is two plus three? It's five!", " naïve café — Straße 日本語 🙂", " one two, three (four) \"five\""]
FAMILIES = {
    "whisper": dict(languages=LANGUAGES, bins=80, attentions=True, timestamps=True, seed=501, heads=[[0, 1], [1, 0], [1, 1]]),
    "whisper-en": dict(languages=[], bins=128, attentions=False, timestamps=False, seed=511, heads=None),
}


def sound(seconds: float, hertz: float) -> np.ndarray:
    """A tone that rises and swells; the tests make the same."""
    t = np.arange(int(seconds * RATE)) / RATE
    return (0.4 * np.sin(2 * np.pi * (hertz * t + 9 * t * t)) * (0.5 + 0.5 * np.sin(2 * np.pi * 0.7 * t))).astype(np.float32)


def mel_cases(bins: int) -> list[dict]:
    extractor = WhisperFeatureExtractor(feature_size=bins)
    cases = []
    for seconds, hertz in ((4, 200), (30, 700)):
        mel = extractor(sound(seconds, hertz), sampling_rate=RATE, return_tensors="np").input_features[0]
        points = [[m, f] for m in (0, 7, 30, bins - 1) for f in (0, 1, 150, 399, 400, 2999)]
        cases.append(dict(input=dict(bins=bins, seconds=seconds, hertz=hertz),
                          expected=dict(mean=rounded(float(mel.mean())), points=[[m, f, rounded(float(mel[m, f]))] for m, f in points])))
    return cases


def make(name: str, out: Path) -> None:
    family = FAMILIES[name]
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temp, torch.no_grad():
        folder = Path(temp)
        make_tokenizer_files(family, folder)
        tokenizer = WhisperTokenizer.from_pretrained(folder)
        ids = {t: tokenizer.convert_tokens_to_ids(t) for t in [END, START, *family["languages"], *TASKS]}
        first = ids["<|notimestamps|>"] + 1
        vocabulary = first + 1501
        # Bytes that are no text by themselves, which random weights would write in any order; the library loses such words.
        broken = [i for i in range(ids[END]) if "\ufffd" in tokenizer.decode([i])]
        config = WhisperConfig(
            vocab_size=vocabulary, num_mel_bins=family["bins"], d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=48, decoder_ffn_dim=48, max_target_positions=64, bos_token_id=ids[END],
            eos_token_id=ids[END], pad_token_id=ids[END], decoder_start_token_id=ids[START], suppress_tokens=None, begin_suppress_tokens=None,
        )
        model = WhisperForConditionalGeneration(config)
        positions = model.model.encoder.embed_positions.weight.clone()
        seeded(model, family["seed"])
        model.model.encoder.embed_positions.weight.copy_(positions.half().float())
        # Otherwise one and a half thousand times together would always be likelier than any text.
        model.model.decoder.embed_tokens.weight[first:] *= 0.25
        model.model.decoder.embed_tokens.weight[ids[END]] *= 0.5
        model.eval()
        generation = dict(
            bos_token_id=ids[END], eos_token_id=ids[END], pad_token_id=ids[END], decoder_start_token_id=ids[START], no_timestamps_token_id=first - 1,
            max_initial_timestamp_index=50, max_length=64, is_multilingual=bool(family["languages"]), suppress_tokens=[5, 9, 70, ids["<|nospeech|>"], ids[START], *broken],
            begin_suppress_tokens=[220, ids[END]], return_timestamps=False, prev_sot_token_id=ids["<|startofprev|>"],
        )
        if family["languages"]:
            generation |= dict(lang_to_id={t: ids[t] for t in family["languages"]}, task_to_id={"transcribe": ids["<|transcribe|>"], "translate": ids["<|translate|>"]})
        if family["heads"]:
            generation |= dict(alignment_heads=family["heads"])
        model.generation_config = GenerationConfig(**generation)
        model.save_pretrained(folder)
        extractor = WhisperFeatureExtractor(feature_size=family["bins"])
        extractor.save_pretrained(folder)
        export_whisper(folder, out / "model", storage="fp16", attentions=family["attentions"])
        cases = [transcript(model, tokenizer, extractor, family, seconds, hertz, mode)
                 for seconds, hertz in ((4, 200), (23.5, 330), (75, 150)) for mode in ("false", "true")]
        cases += [transcript(model, tokenizer, extractor, family, seconds, hertz, "word") for seconds, hertz in ((4, 200), (23.5, 330), (75, 150)) if family["heads"]]
        write_json(out / "transcripts.json", dict(source=SOURCE, how=f"{HOW} {name}", mels=mel_cases(family["bins"]), transcripts=cases))
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    if size > 1_000_000:
        raise SystemExit(f"{name}: {size} bytes are more than the 1 MB a family may take")
    print(f"{name}: {size / 1000:.0f} kB", flush=True)


def make_tokenizer_files(family: dict, folder: Path) -> None:
    tokenizer = byte_level_tokenizer(TEXTS, 330)
    special = [END, START, *family["languages"], *TASKS]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    if family["timestamps"]:
        tokenizer.add_tokens([AddedToken(f"<|{i * 0.02:.2f}|>", normalized=False) for i in range(1501)])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = dict(tokenizer_class="WhisperTokenizer", bos_token=END, eos_token=END, unk_token=END, pad_token=END, model_max_length=1024,
                  additional_special_tokens=special[1:], clean_up_tokenization_spaces=False, errors="replace")
    (folder / "tokenizer_config.json").write_text(json.dumps(config) + "\n")


def transcript(model, tokenizer, extractor, family, seconds, hertz, mode) -> dict:
    """Chunk by chunk, each in one pass, in the language of the first: as the library's pipeline, which detects it in each."""
    samples = sound(seconds, hertz)
    stride = CHUNK * RATE // 6
    chunks = chunk_iter(samples, extractor, CHUNK * RATE, stride, stride) if seconds > CHUNK else chunk_iter(samples, extractor, CHUNK * RATE, 0, 0)
    language, outputs, windows = None, [], []
    for chunk in chunks:
        features, mask = chunk["input_features"], chunk["attention_mask"]
        if family["languages"] and language is None:
            language = model.detect_language(features).item()
        told = dict(language=tokenizer.convert_ids_to_tokens(language), task="transcribe") if family["languages"] else {}
        # The pipeline looks at a window again from where the last sentence ended; one pass a window is what is compared.
        made = model.generate(features, attention_mask=mask, return_timestamps=mode != "false", return_token_timestamps=mode == "word",
                              return_dict_in_generate=True, force_unique_generate_call=True, **told)
        ids = made["sequences"] if isinstance(made, dict) else made.sequences
        output = dict(tokens=ids, stride=tuple(x / RATE for x in chunk["stride"]))
        window = dict(tokens=ids[0].tolist())
        if mode == "word":
            output["token_timestamps"] = made["token_timestamps"]
            window["times"] = [round(t, 2) for t in made["token_timestamps"][0].tolist()]
        outputs.append(output)
        windows.append(window)
    text, optional = tokenizer._decode_asr(outputs, return_timestamps={"false": None, "true": True, "word": "word"}[mode], return_language=False, time_precision=0.02)
    heard = [dict(text=c["text"], timestamp=list(c["timestamp"])) for c in optional.get("chunks", [])]
    return dict(input=dict(seconds=seconds, hertz=hertz, return_timestamps=mode), expected=dict(language=language, windows=windows, text=text, chunks=heard))


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
