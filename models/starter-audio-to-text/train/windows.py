"""Windows of sound as the model hears them, made from a corpus while training: sentences at random places, in other voices
than they were said in, through noise and bad lines, whole or cut at the window's edges.

All is done on spectrograms, which is far cheaper than on sound.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from corpus import BANDS, FILTERS, FRAMES_A_SECOND, WINDOW_SECONDS, Said, log_mel
from sentences import RATE

FRAMES = WINDOW_SECONDS * FRAMES_A_SECOND
# Of the spectrogram, that make one of the encoder's states.
FRAMES_PER_STATE = 2
STATES = FRAMES // FRAMES_PER_STATE
# What the linear power of a sound is, from its bands: each counts as wide as it is.
WIDTHS = FILTERS.sum(0) / FILTERS.max(0)


@dataclass(frozen=True)
class Heard:
    """A sentence, or what of it lies in a window: words, the states at which they begin, and at which the last ends."""

    words: list[str]
    marks: np.ndarray
    is_begun: bool


@dataclass(frozen=True)
class Window:
    features: np.ndarray
    sentences: list[Heard]


def _noises() -> list[np.ndarray]:
    """Twenty seconds each of several kinds of noise, as energies of unit power."""
    generator = np.random.default_rng(5)
    count = 20 * RATE
    white = np.fft.rfft(generator.standard_normal(count))
    frequency = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 20)
    made = []
    for slope in (0, 0, 0.5, 0.5, 1):
        sound = np.fft.irfft(white / frequency**slope, count).astype(np.float32)
        made.append(sound)
        white = np.fft.rfft(generator.standard_normal(count))
    time = np.arange(count) / RATE
    hum = sum(np.sin(2 * np.pi * 50 * k * time + k) / k for k in range(1, 20, 2)) + 0.2 * generator.standard_normal(count)
    made.append(hum.astype(np.float32))
    energies = [10 ** log_mel(sound / sound.std()) for sound in made]
    return [energy / (energy @ WIDTHS).mean() for energy in energies]


def _warps() -> list[np.ndarray]:
    """Matrices that stretch the bands, as a longer or shorter throat does."""
    made = []
    for factor in np.linspace(0.88, 1.12, 25):
        place = np.clip(np.arange(BANDS) * factor, 0, BANDS - 1)
        low = np.minimum(place.astype(int), BANDS - 2)
        matrix = np.zeros((BANDS, BANDS), np.float32)
        matrix[low, np.arange(BANDS)] = 1 - (place - low)
        matrix[low + 1, np.arange(BANDS)] += place - low
        made.append(matrix)
    return made


NOISES, WARPS = _noises(), _warps()


def _spoken(said: Said, rng: random.Random, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """One sentence faster or slower, from another throat, and its marks in frames."""
    mel, marks = said.mel.astype(np.float32), said.marks
    if rng.random() < strength:
        speed = rng.uniform(0.87, 1.17)
        place = np.arange(0, len(mel) - 1, speed, dtype=np.float32)
        low = np.minimum(place.astype(int), len(mel) - 2)
        mel = mel[low] + (place - low)[:, None] * (mel[low + 1] - mel[low])
        marks = marks / speed
    if rng.random() < 0.6 * strength:
        mel = mel @ rng.choice(WARPS)
    if rng.random() < 0.5 * strength:  # a line that favours some frequencies
        knots = np.array([rng.gauss(0, 0.35) for _ in range(6)])
        mel = mel + np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, 6), knots).astype(np.float32)
    if rng.random() < 0.15 * strength:  # what a network that speaks smears
        mel = mel.copy()
        for _ in range(rng.randint(1, 2)):
            mel[1:-1] = 0.25 * mel[:-2] + 0.5 * mel[1:-1] + 0.25 * mel[2:]
    if rng.random() < 0.15 * strength:
        mel = mel.copy()
        mel[:, 1:-1] = 0.25 * mel[:, :-2] + 0.5 * mel[:, 1:-1] + 0.25 * mel[:, 2:]
    if rng.random() < 0.15 * strength:  # and it never falls quite silent
        mel = np.maximum(mel, mel.max() - rng.uniform(2.5, 5))
    if rng.random() < 0.1 * strength:
        mel = mel.copy()
        mel[:, rng.randint(24, 36) :] -= 3
    return mel, marks


def window(parts: list[tuple[Said, int]], frames: int, sounding: int, rng: random.Random, strength: float) -> Window:
    """`frames` of the spectrogram, of which `sounding` are sound and the rest was filled up. `parts`: sentences, and the
    frame at which each begins, which may lie before the window."""
    energy = np.full((frames, BANDS), 1e-10, np.float32)
    sentences, loudness = [], []
    for said, begin in parts:
        mel, marks = _spoken(said, rng, strength)
        first, last = max(begin, 0), min(begin + len(mel), sounding)
        if last - first < 4:
            continue
        gained = 10 ** (mel[first - begin : last - begin] + rng.uniform(-1.4, 0.4) * strength)
        energy[first:last] += gained
        loudness.append(float((gained @ WIDTHS).mean()))
        heard = _heard(said.text.split(), marks + begin, sounding)
        if heard is not None:
            sentences.append(heard)
    if rng.random() < 0.75 * strength and sounding > 0:
        noise = rng.choice(NOISES)
        at = rng.randrange(len(noise) - sounding)
        level = np.mean(loudness) * 10 ** (-rng.uniform(5, 32) / 10) if loudness else 10 ** rng.uniform(-7, -1)
        energy[:sounding] += level * noise[at : at + sounding]
    features = np.log10(energy)
    features = (np.maximum(features, features.max() - 8) + 4) / 4
    if rng.random() < 0.4 * strength:
        for _ in range(2):
            at, width = rng.randrange(BANDS), rng.randint(1, 5)
            features[:, at : at + width] = features.mean()
    return Window(features, sentences)


def _heard(words: list[str], marks: np.ndarray, sounding: int) -> Heard | None:
    """The words of which more than half can be heard."""
    length = np.maximum(marks[1:] - marks[:-1], 1)
    inside = (np.minimum(marks[1:], sounding) - np.maximum(marks[:-1], 0)) / length > 0.5
    kept = np.flatnonzero(inside)
    if len(kept) == 0:
        return None
    first, last = int(kept[0]), int(kept[-1])
    told = np.clip(marks[first : last + 2], 0, sounding) / FRAMES_PER_STATE
    return Heard(words[first : last + 1], told, first == 0)


def talk(corpus: list[Said], rng: random.Random, frames: int, count: int, cut: bool) -> list[tuple[Said, int]]:
    """At most `count` sentences one after the other with silence between; where `cut`, the first may begin before and the
    last end after the window."""
    parts, at = [], -rng.randint(0, 120) if cut and rng.random() < 0.5 else rng.randint(0, 60)
    for _ in range(count):
        said = rng.choice(corpus)
        # One that is said more slowly takes a little longer.
        room = frames - at - int(len(said.mel) * 1.16)
        if room < 0 and not (cut and at < frames - 30):
            break
        parts.append((said, at))
        at += int(len(said.mel) * 1.16) + rng.randint(4, 75)
    return parts
