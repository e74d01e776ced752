"""What the starter models say and hear: sentences of some ninety words, and their sound.

Captions of the scenes that the other starter models draw, short sentences about the network, counted numbers, and words in
any order. eSpeak NG says them; it also tells when each word begins. Only `speak` needs it: the library `libespeak-ng`.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_MODELS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_MODELS / "training"), str(_MODELS / "starter-text-to-image" / "train")]
import espeak  # noqa: E402
import shapes  # noqa: E402

RATE = 16_000
HELD_OUT_PERCENT = 20
FEWEST_WORDS, MOST_WORDS = 3, 12

NUMBERS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
).split()
DOERS = ("the gateway", "the orchestrator", "a gateway", "an orchestrator", "the network", "the model", "a model", "rivulet")
VERBS = ("sends", "has", "makes", "sees", "hears", "runs")
THINGS = ("ticket", "picture", "job", "model", "gateway", "river")
# Said as they are, at any length; too few to hold any out.
GREETINGS = ("hello", "hello world", "thank you", "good morning", "welcome to rivulet", "hello this is rivulet", "rivulet")


def _caption(rng: random.Random) -> str:
    return " ".join(shapes.caption(rng, shapes.random_scene(rng)).replace(",", "").split())


def _numbers(rng: random.Random) -> str:
    return " ".join(rng.choice(NUMBERS) for _ in range(rng.randint(3, 6)))


def _thing(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.35:
        return f"{rng.choice(('a', 'the', 'one'))} {rng.choice(THINGS)}"
    if kind < 0.7:
        return f"{rng.choice(NUMBERS[1:])} {rng.choice(THINGS)}s"
    colour = rng.choice(list(shapes.COLOURS))
    return f"{'an' if colour == 'orange' else 'a'} {colour} {rng.choice(shapes.SHAPES)}"


def _clause(rng: random.Random) -> str:
    doer = rng.choice(DOERS)
    form = rng.random()
    if form < 0.2:
        return f"{doer} pays {rng.choice(DOERS)}"
    if form < 0.4:
        return f"{doer} sends {_thing(rng)} to {rng.choice(DOERS)}"
    return f"{doer} {rng.choice(VERBS)} {_thing(rng)}"


def _sentence(rng: random.Random) -> str:
    form = rng.random()
    if form < 0.5:
        return _clause(rng)
    if form < 0.65:
        return f"{_clause(rng)} and {_thing(rng)}"
    if form < 0.75:
        return f"{rng.choice(('hello', 'good morning', 'thank you'))} {_clause(rng)}"
    return f"{rng.choice(('this is', 'we see', 'you see', 'we hear', 'you hear'))} {_thing(rng)}" + (f" and {_thing(rng)}" if rng.random() < 0.4 else "")


def _any_words(rng: random.Random) -> str:
    # Of `to` and `two` only the words around them tell which it is.
    return " ".join(rng.choice([word for word in WORDS if word != "to"]) for _ in range(rng.randint(3, 7)))


def random_sentence(rng: random.Random) -> str:
    """A sentence of three to twelve words, or a greeting; held out of training or not."""
    while True:
        form = rng.random()
        if form < 0.04:
            return rng.choice(GREETINGS)
        make = _caption if form < 0.44 else _sentence if form < 0.78 else _numbers if form < 0.88 else _any_words
        said = make(rng)
        if FEWEST_WORDS <= len(said.split()) <= MOST_WORDS:
            return said


def is_held_out(sentence: str) -> bool:
    """Whether nothing is trained on it. The same answer everywhere: the first four bytes of SHA-256, modulo 100."""
    if sentence in GREETINGS or len(sentence.split()) < FEWEST_WORDS:
        return False
    return int.from_bytes(hashlib.sha256(sentence.encode()).digest()[:4], "big") % 100 < HELD_OUT_PERCENT


def training_sentence(rng: random.Random) -> str:
    while is_held_out(sentence := random_sentence(rng)):
        pass
    return sentence


def unseen_sentence(rng: random.Random) -> str:
    while not is_held_out(sentence := random_sentence(rng)) or sentence in GREETINGS:
        pass
    return sentence


def _vocabulary() -> tuple[str, ...]:
    rng = random.Random(7)
    words = {word for _ in range(6000) for make in (_caption, _sentence) for word in make(rng).split()}
    words |= {word for greeting in GREETINGS for word in greeting.split()} | set(NUMBERS)
    return tuple(sorted(words))


WORDS = _vocabulary()


@dataclass(frozen=True)
class Voice:
    """How eSpeak NG speaks: language and variant as `en-us+f3`, words a minute, pitch and its range from 0 to 99."""

    name: str = "en-us"
    speed: int = 150
    pitch: int = 50
    range: int = 50


# What the starter voice is made after. Hearing is trained on it as well, and on many others.
DEFAULT_VOICE = Voice()
LANGUAGES = ("en-us", "en-us", "en-us", "en-gb-x-rp", "en-gb-x-gbclan", "en-us-nyc")
VARIANTS = (
    "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 Alex Andy Annie Gene Gene2 Jacky Lee Mario Michael Mike Storm adam anika announcer antonio belinda "
    "benjamin boris caleb david ed edward gustave iven iven2 john klatt klatt2 klatt4 linda marcelo max michel paul pedro quincy rob robert "
    "sandro shelby steph steph2 travis victor zac"
).split()


def random_voice(rng: random.Random) -> Voice:
    """The default voice in one of five, any other otherwise."""
    if rng.random() < 0.2:
        return DEFAULT_VOICE
    variant = f"+{rng.choice(VARIANTS)}" if rng.random() < 0.85 else ""
    return Voice(rng.choice(LANGUAGES) + variant, rng.randint(115, 190), rng.randint(20, 80), rng.randint(20, 80))


@dataclass(frozen=True)
class Speech:
    """Sound of 16 kHz from -1 to 1 that begins and ends with speech, and where in it each word begins, in seconds."""

    samples: np.ndarray
    begins: tuple[float, ...]


def speak(sentence: str, voice: Voice = DEFAULT_VOICE, cache: Path | None = None) -> Speech:
    """The sentence as speech, kept in `cache` when one is given. eSpeak NG says the same every time."""
    if cache is None:
        return _synthesise(sentence, voice)
    digest = hashlib.sha256(repr((sentence, voice)).encode()).hexdigest()[:24]
    path = cache / digest[:2] / f"{digest}.npz"
    if path.exists():
        with np.load(path) as kept:
            return Speech(kept["samples"].astype(np.float32) / 32768, tuple(kept["begins"].tolist()))
    speech = _synthesise(sentence, voice)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(part, samples=np.clip(np.rint(speech.samples * 32768), -32768, 32767).astype(np.int16), begins=np.array(speech.begins))
    part.rename(path)
    return speech


QUIET = 0.01


class _Synthesiser(espeak.Synthesiser):
    def happens(self, event: espeak.Event) -> None:
        if event.type == espeak.WORD:
            self.words.append((event.text_position - 1, event.audio_position / 1000))

    def say(self, text: str, voice: Voice) -> tuple[np.ndarray, list[tuple[int, float]]]:
        self.words: list[tuple[int, float]] = []
        if self.library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise ValueError(f"eSpeak NG has no voice {voice.name}")
        for parameter, value in ((espeak.RATE, voice.speed), (espeak.PITCH, voice.pitch), (espeak.RANGE, voice.range)):
            self.library.espeak_SetParameter(parameter, value, 0)
        return self.samples(text).astype(np.float32), self.words


_synthesiser: _Synthesiser | None = None


def _synthesise(sentence: str, voice: Voice) -> Speech:
    global _synthesiser
    _synthesiser = _synthesiser or _Synthesiser()
    samples, events = _synthesiser.say(sentence, voice)
    samples = resample(samples, _synthesiser.rate, RATE)
    loud = np.flatnonzero(np.abs(samples) > QUIET * np.abs(samples).max())
    first, last = max(0, loud[0] - RATE // 100), min(len(samples), loud[-1] + RATE // 100)
    begins = dict(reversed([(at, time - first / RATE) for at, time in events]))
    return Speech(samples[first:last], tuple(_begins(sentence, begins, (last - first) / RATE)))


def _begins(sentence: str, told: dict[int, float], end: float) -> Iterator[float]:
    """When each word begins. Words that are said as one (`of a`) are told as one: they share its time by their letters."""
    places, at = [], 0
    for word in sentence.split():
        places.append(at)
        at += len(word) + 1
    known = {0: 0.0} | {p: min(max(told[p], 0.0), end) for p in places if p > 0 and p in told}
    for place in places:
        before = max(p for p in known if p <= place)
        after = min((p for p in known if p > place), default=at)
        share = (place - before) / (after - before)
        yield known[before] + share * (known.get(after, end) - known[before])


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """By leaving out what the new rate cannot hold, or adding nothing, in the frequencies of the whole."""
    if from_rate == to_rate:
        return samples.astype(np.float32)
    step = from_rate // np.gcd(from_rate, to_rate)
    padded = np.pad(samples, (0, -len(samples) % step + step))
    count = len(padded) * to_rate // from_rate
    spectrum = np.fft.rfft(padded)
    kept = np.zeros(count // 2 + 1, np.complex128)
    shared = min(len(kept), len(spectrum))
    kept[:shared] = spectrum[:shared]
    return (np.fft.irfft(kept, count) * (count / len(padded)))[: len(samples) * to_rate // from_rate].astype(np.float32)


def main() -> None:
    """Shows what is said: words, and sentences with how many in a hundred are held out."""
    rng = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    print(len(WORDS), "words:", *WORDS)
    said = [random_sentence(rng) for _ in range(2000)]
    print(sum(map(is_held_out, said)) / len(said), "held out;", len(set(said)) / len(said), "different")
    for sentence in said[:20]:
        print("held out:" if is_held_out(sentence) else "         ", sentence)


if __name__ == "__main__":
    main()
