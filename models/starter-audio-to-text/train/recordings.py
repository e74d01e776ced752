"""Writes what the check listens to: sentences that training never says, by many voices, in one sound file.

    python recordings.py FOLDER      # FOLDER/recordings.wav and ../recordings/recordings.json

The package keeps the sound as Opus at 32 kbit/s, which the check turns back into WAV.
"""

from __future__ import annotations

import json
import random
import sys
import wave
from pathlib import Path

import numpy as np

from sentences import RATE, random_voice, speak, unseen_sentence

COUNT = 60
GAP = 0.3


def main() -> None:
    rng = random.Random(4242)
    pieces, told, at = [np.zeros(int(GAP * RATE), np.float32)], [], GAP
    for _ in range(COUNT):
        sentence, voice = unseen_sentence(rng), random_voice(rng)
        speech = speak(sentence, voice)
        seconds = len(speech.samples) / RATE
        begins = [round(float(begin), 2) for begin in speech.begins]
        told.append(dict(text=sentence, voice=voice.name, begin=round(at, 4), seconds=round(seconds, 4), words=begins))
        pieces += [speech.samples * 0.8 / np.abs(speech.samples).max(), np.zeros(int(GAP * RATE), np.float32)]
        at += seconds + GAP
    sound = np.concatenate(pieces)
    with wave.open(str(Path(sys.argv[1]) / "recordings.wav"), "wb") as file:
        file.setparams((1, 2, RATE, len(sound), "NONE", ""))
        file.writeframes(np.rint(sound * 32767).astype("<i2").tobytes())
    lines = ",\n".join(f"  {json.dumps(each)}" for each in told)
    (Path(__file__).resolve().parents[1] / "recordings" / "recordings.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
