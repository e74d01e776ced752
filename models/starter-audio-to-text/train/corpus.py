"""Sentences said by many voices, as the logarithms of spectrograms, in files of a thousand that training picks up.

    python corpus.py --work FOLDER --parts 8

A part that is there already is not made again. One in six is resynthesised from a coarse spectrogram, which sounds as a
network that speaks does.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from transformers import WhisperFeatureExtractor

from sentences import DEFAULT_VOICE, RATE, Speech, random_voice, speak, training_sentence

BANDS, HOP, FFT, WINDOW_SECONDS = 40, 320, 400, 10
FRAMES_A_SECOND = RATE // HOP
PART = 1000
RESYNTHESISED = 1 / 6
# Seconds of silence around each sentence, so that what reverberates into it is there.
MARGIN = 0.06


def extractor() -> WhisperFeatureExtractor:
    """What makes the model's spectrograms: a window of ten seconds in 500 frames of 40 bands."""
    return WhisperFeatureExtractor(feature_size=BANDS, sampling_rate=RATE, hop_length=HOP, chunk_length=WINDOW_SECONDS, n_fft=FFT)


FILTERS = extractor().mel_filters.astype(np.float32)
HANN = np.hanning(FFT + 1)[:-1].astype(np.float32)


def power_spectrum(samples: np.ndarray, hop: int = HOP) -> np.ndarray:
    return np.abs(_transform(samples, hop)) ** 2


def log_mel(samples: np.ndarray) -> np.ndarray:
    """The logarithm of the energy of each band in each frame, [frames, bands]: before what is quiet in a window is cut off."""
    energy = power_spectrum(samples)[: len(samples) // HOP] @ FILTERS
    return np.log10(np.maximum(energy, 1e-10)).astype(np.float32)


def _transform(samples: np.ndarray, hop: int) -> np.ndarray:
    padded = np.pad(samples, FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::hop]
    return np.fft.rfft(frames * HANN, axis=1)


def resynthesise(samples: np.ndarray, rng: random.Random) -> np.ndarray:
    """The sound again from its bands alone: smoothed, and with phases that were only guessed, by the way of Griffin and Lim."""
    hop, bands = 160, rng.choice((40, 80))
    filters = _filters(bands)
    shape = power_spectrum(samples, hop) @ filters
    width = rng.choice((1, 1, 3))
    if width > 1:
        shape = (shape + np.roll(shape, 1, 0) + np.roll(shape, -1, 0)) / 3
    size = np.sqrt(np.maximum(shape @ _spread(bands), 0))
    generator = np.random.default_rng(rng.getrandbits(32))
    phase = np.exp(2j * np.pi * generator.random(size.shape))
    weight = np.zeros(hop * (len(size) - 1) + FFT)
    for i in range(len(size)):
        weight[i * hop : i * hop + FFT] += HANN**2
    sound = samples
    for step in range(rng.randint(3, 10)):
        pieces = np.fft.irfft(size * phase, FFT, axis=1) * HANN
        whole = np.zeros(len(weight))
        for i, piece in enumerate(pieces):
            whole[i * hop : i * hop + FFT] += piece
        sound = (whole / np.maximum(weight, 0.1))[FFT // 2 : FFT // 2 + len(samples)]
        sound = np.pad(sound, (0, len(samples) - len(sound)))
        again = _transform(sound, hop)
        phase = again / np.maximum(np.abs(again), 1e-9)
    return (sound / max(1e-6, np.abs(sound).max()) * 0.7).astype(np.float32)


_known: dict[int, np.ndarray] = {}


def _filters(bands: int) -> np.ndarray:
    if bands not in _known:
        _known[bands] = WhisperFeatureExtractor(feature_size=bands).mel_filters.astype(np.float32)
    return _known[bands]


def _spread(bands: int) -> np.ndarray:
    filters = _filters(bands)
    return (filters / np.maximum((filters**2).sum(0, keepdims=True), 1e-12)).T


def framed(speech: Speech) -> tuple[np.ndarray, np.ndarray]:
    """The spectrogram with a little silence around, and the frames at which words begin, then the one at which all ends."""
    margin = int(MARGIN * RATE)
    mel = log_mel(np.pad(speech.samples, margin))
    ends = np.array([*speech.begins, len(speech.samples) / RATE], np.float32)
    return mel, (ends + MARGIN) * FRAMES_A_SECOND


@dataclass(frozen=True)
class Said:
    text: str
    mel: np.ndarray
    marks: np.ndarray


def make_part(index: int) -> list[Said]:
    rng = random.Random(1000 + index)
    made = []
    for _ in range(PART):
        sentence, voice = training_sentence(rng), random_voice(rng)
        if rng.random() < 0.25:
            voice = replace(DEFAULT_VOICE, speed=rng.randint(135, 165))
        speech = speak(sentence, voice)
        if rng.random() < RESYNTHESISED:
            speech = Speech(resynthesise(speech.samples, rng), speech.begins)
        made.append(Said(sentence, *framed(speech)))
    return made


def write_part(path: Path, said: list[Said]) -> None:
    part = path.with_suffix(".part.npz")
    np.savez(part, texts=np.array([s.text for s in said]), lengths=np.array([len(s.mel) for s in said]),
             mels=np.concatenate([s.mel for s in said]).astype(np.float16), marks=np.concatenate([s.marks for s in said]).astype(np.float32))
    part.rename(path)


def read_part(path: Path) -> list[Said]:
    with np.load(path) as kept:
        texts, lengths, mels, marks = (kept[name] for name in ("texts", "lengths", "mels", "marks"))
    said, frame, mark = [], 0, 0
    for text, length in zip(texts.tolist(), lengths.tolist()):
        words = len(text.split()) + 1
        said.append(Said(text, mels[frame : frame + length], marks[mark : mark + words]))
        frame, mark = frame + length, mark + words
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--parts", type=int, default=8)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    for index in range(args.parts):
        path = args.work / f"part-{index}.npz"
        if not path.exists():
            write_part(path, make_part(index))
            print(path, flush=True)


if __name__ == "__main__":
    main()
