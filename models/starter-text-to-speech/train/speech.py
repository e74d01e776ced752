"""What the starter voice learns from: sentences as eSpeak NG says them, at one pitch, and how long each letter of them lasts.

The voice never changes its pitch, and a period of it takes as long as a moment of the model (a frame). Every moment of a steady
sound is then the same for the model, and it need not learn where in a period it is. eSpeak NG keeps to a pitch, but not to
a grid of periods, so its speech is moved onto one by a few milliseconds, where nothing sounds or only noise does.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_MODELS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_MODELS / "training"), str(_MODELS / "starter-audio-to-text" / "train")]
import espeak  # noqa: E402
import sentences  # noqa: E402

RATE = 16_000
FRAME = 128
PITCH = RATE / FRAME
LETTERS = "abcdefghijklmnopqrstuvwxyz' "
WORDS_A_MINUTE = 150
# Silence before the first sound and after the last one.
LEAD_FRAMES, TAIL_FRAMES = 2, 6
PEAK = 0.6

# American English of eSpeak NG, but at one pitch: 134 makes 124.5 Hz.
VOICE = """name starter
language en-us
phonemes en-us
dictrules 3 6
stressLength 140 120 190 170 0 0 255 300
stressAmp 17 16 19 19 19 19 21 19
replace 03 I i
replace 03 I2 i
pitch 134 134
flutter 0
roughness 0
"""
ROUGH_PITCH = 124.5


@dataclass(frozen=True)
class Spoken:
    """Sound of whole frames, how many frames each letter lasts, and for each frame how periodic it is, from 0 to 1."""

    samples: np.ndarray
    durations: np.ndarray
    voiced: np.ndarray


class Synthesiser(espeak.Synthesiser):
    def __init__(self) -> None:
        super().__init__(espeak.PHONEME_EVENTS)
        with tempfile.NamedTemporaryFile("w", suffix=".voice") as file:
            file.write(VOICE)
            file.flush()
            if self.library.espeak_SetVoiceByFile(file.name.encode()) != 0:
                raise RuntimeError("eSpeak NG does not take the voice")
        self.library.espeak_SetParameter(espeak.RATE, WORDS_A_MINUTE, 0)

    def happens(self, event: espeak.Event) -> None:
        if event.type == espeak.WORD:
            self.words.append(event.text_position - 1)
        if event.type == espeak.PHONEME:
            self.phonemes.append((event.text_position - 1, event.sample, event.id.decode(errors="replace")))

    def raw(self, text: str) -> np.ndarray:
        self.words, self.phonemes = [], []
        return self.samples(text)

    def say(self, text: str) -> Spoken:
        samples = self.raw(text)
        begins = letter_begins(text, self.words, self.phonemes)
        onsets = np.array([at for _, at, name in self.phonemes if name[:1] in _NOISES and 0 < at < len(samples)], int)
        periods, strength = count_periods(samples, self.rate, onsets)
        first = max(0, self.phonemes[0][1])
        start = int(np.floor(periods[first])) - LEAD_FRAMES
        end = int(np.ceil(periods[last_sound(samples)])) + TAIL_FRAMES
        frames = end - start
        times = np.round(np.interp(begins, np.arange(len(periods)), periods) - start).astype(int)
        times[0] = 0
        # Every letter lasts a moment at least, also a mute one.
        for i in range(1, len(times)):
            times[i] = max(times[i], times[i - 1] + 1)
        frames = max(frames, times[-1] + 1)
        durations = np.diff(np.append(times, frames))
        grid = start + np.arange(frames * FRAME) / FRAME
        at = np.interp(grid, periods, np.arange(len(periods)), left=0, right=len(periods) - 1)
        out = band_limited(samples, self.rate, at)
        out[grid > periods[-1]] = 0
        out[grid < periods[0]] = 0
        middles = np.clip(at[FRAME // 2 :: FRAME].astype(int), 0, len(strength) - 1)
        return Spoken(out.astype(np.float32), durations.astype(np.int16), strength[middles].astype(np.float32))


def last_sound(samples: np.ndarray) -> int:
    return int(np.flatnonzero(np.abs(samples) > 0.005 * np.abs(samples).max())[-1])


def count_periods(samples: np.ndarray, rate: int, onsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each sample how many periods of the pitch lie before it, and how periodic the sound is there, from 0 to 1.

    Where nothing is periodic, time goes on evenly between what is."""
    count = len(samples)
    base = ROUGH_PITCH / rate
    carrier = np.exp(-2j * np.pi * base * np.arange(count))
    window = np.hanning(int(3 / base) | 1)
    window /= window.sum()
    size = 1 << (count + len(window)).bit_length()
    shape = np.fft.fft(window, size)
    smooth = lambda x: np.fft.ifft(np.fft.fft(x, size) * shape)[len(window) // 2 :][:count]  # noqa: E731
    tone = smooth(samples * carrier)
    energy = np.sqrt(np.maximum(smooth(samples**2).real, 0))
    strength = np.clip(np.abs(tone) * 2 / (energy + 1e-3), 0, 1)
    picked = np.arange(0, count, 32)
    sure = picked[strength[picked] > 0.15]
    for onset in onsets:
        sure = sure[np.abs(sure - onset) > rate // 100]
    if len(sure) < 2:
        return np.arange(count) * PITCH / rate, strength
    phase = np.unwrap(np.angle(tone[sure])) / (2 * np.pi)
    # The middle one of those around: what a consonant does to the phase of its surroundings is no move of the grid.
    around = np.lib.stride_tricks.sliding_window_view(np.pad(phase, 20, mode="edge"), 41)
    periods = base * sure + np.median(around, 1)
    # Where a noise begins is brought onto the grid as well: eSpeak NG plays it from the start, the same every time.
    middle = base * onsets + np.interp(onsets, sure, periods - base * sure)
    at = np.concatenate([sure, onsets])
    order = np.argsort(at, kind="stable")
    at, periods = at[order], np.concatenate([periods, np.round(middle)])[order]
    ends = np.array([0, count - 1])
    beyond = [periods[0] - base * at[0], periods[-1] + base * (count - 1 - at[-1])]
    known = np.concatenate([ends[:1], at, ends[1:]])
    periods = np.interp(np.arange(count), known, np.concatenate([beyond[:1], periods, beyond[1:]]))
    # Time must not stand still where the phase jumps.
    return np.maximum.accumulate(periods) + 1e-9 * np.arange(count), strength


def band_limited(samples: np.ndarray, rate: int, at: np.ndarray) -> np.ndarray:
    """The sound at times between its samples, without what 16 kHz cannot hold."""
    count = 1 << len(samples).bit_length()
    spectrum = np.fft.rfft(samples, count)
    spectrum[np.fft.rfftfreq(count, 1 / rate) > 7800] = 0
    finer = 4
    fine = np.fft.irfft(spectrum, count * finer) * finer
    place = at * finer
    whole = np.clip(np.floor(place).astype(int), 1, len(fine) - 3)
    part = place - whole
    a, b, c, d = (fine[whole + i] for i in (-1, 0, 1, 2))
    return b + 0.5 * part * (c - a + part * (2 * a - 5 * b + 4 * c - d + part * (3 * (b - c) + d - a)))


# Sounds that begin with noise or silence.
_NOISES = set("ptksfTSh")
_VOWELS = set("aeiouAEIOUV@30&{")
_SOUNDS = {
    "b": "b", "c": "ks", "d": "dt", "f": "f", "g": "gdZ", "h": "h", "j": "dZ", "k": "k", "l": "l", "m": "m", "n": "nN", "p": "pf", "q": "k", "r": "r3",
    "s": "szSZ", "t": "tTDS*", "v": "v", "w": "wu", "x": "ksz", "y": "jiIa", "z": "z",
}


def _misfit(letter: str, sound: str) -> float:
    is_pause = sound.startswith("_")
    if letter == " " or is_pause:
        return 0.0 if letter == " " and is_pause else 3.0
    if sound[0] in _SOUNDS.get(letter, ""):
        return 0.0
    if letter in "aeiou":
        return 0.2 if sound[0] in _VOWELS else 1.2
    if letter in "yw" and sound[0] in _VOWELS or letter == "r" and "3" in sound:
        return 0.4
    return 1.5


def letter_begins(text: str, words: list[int], phonemes: list[tuple[int, int, str]]) -> np.ndarray:
    """The sample with which each letter begins: sounds are shared among the letters in order, those that fit before others."""
    sounds = [(at, sample, name) for at, sample, name in phonemes if name]
    starts = sorted({at for at, _, name in sounds if not name.startswith("_")} & set(range(len(text))))
    begins = np.zeros(len(text))
    # Pauses at the very end belong to the last letter.
    end = max((sample for _, sample, name in sounds), default=0)
    while sounds and sounds[-1][2].startswith("_"):
        end = sounds.pop()[1]
    for i, start in enumerate(starts):
        stop = starts[i + 1] if i + 1 < len(starts) else len(text)
        own = [(sample, name) for at, sample, name in sounds if start <= at < stop]
        after = next((sample for at, sample, _ in sounds if at >= stop), end)
        begins[start:stop] = _share(text[start:stop], own, after)
    return begins


def _share(letters: str, sounds: list[tuple[int, str]], end: int) -> np.ndarray:
    """Cheapest way to go through letters and sounds together; several letters may share a sound, and one letter have several."""
    n, m = len(letters), len(sounds)
    cost = np.full((n, m), np.inf)
    back = np.zeros((n, m), int)
    for i in range(n):
        for j in range(m):
            here = _misfit(letters[i], sounds[j][1])
            # From: the letter before with the sound before; this letter with the sound before; the letter before with this sound.
            ways = [cost[i - 1, j - 1] if i and j else np.inf, cost[i, j - 1] + 0.3 if j else np.inf, cost[i - 1, j] + 0.3 if i else np.inf]
            back[i, j] = int(np.argmin(ways))
            cost[i, j] = here + (0 if i == j == 0 else ways[back[i, j]])
    i, j, pairs = n - 1, m - 1, []
    while True:
        pairs.append((i, j))
        if i == j == 0:
            break
        way = back[i, j]
        i, j = (i - 1, j - 1) if way == 0 else (i, j - 1) if way == 1 else (i - 1, j)
    pairs.reverse()
    bounds = [sample for sample, _ in sounds] + [end]
    begins = np.zeros(n)
    for i in range(n):
        j = next(j for letter, j in pairs if letter == i)
        sharing = [letter for letter, sound in pairs if sound == j]
        # A letter that begins in the midst of a shared sound.
        begins[i] = bounds[j] + (bounds[j + 1] - bounds[j]) * sharing.index(i) / len(sharing)
    return begins
