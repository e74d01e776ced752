"""The library of eSpeak NG (`libespeak-ng`): a text as samples, and what happens where in them."""

from __future__ import annotations

import ctypes
import ctypes.util

import numpy as np


class Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("identifier", ctypes.c_uint), ("text_position", ctypes.c_int), ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int), ("sample", ctypes.c_int), ("user_data", ctypes.c_void_p), ("id", ctypes.c_char * 8),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))
_SYNCHRONOUS, _UTF8, _END_OF_EVENTS = 2, 1, 0
# Kinds of events, what asks for those about phonemes, and parameters of a voice.
WORD, PHONEME = 1, 7
PHONEME_EVENTS = 1
RATE, PITCH, RANGE = 1, 3, 4


class Synthesiser:
    """The library has one state for all, and so there is one of these in a process."""

    def __init__(self, options: int = 0) -> None:
        self.library = ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
        self.rate = self.library.espeak_Initialize(_SYNCHRONOUS, 0, None, options)
        self._blocks: list[np.ndarray] = []
        self._callback = _CALLBACK(self._take)
        self.library.espeak_SetSynthCallback(self._callback)

    def happens(self, event: Event) -> None:
        """Told of everything that happens in a text while it is said."""

    def samples(self, text: str) -> np.ndarray:
        self._blocks = []
        data = text.encode() + b"\0"
        self.library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 1, 0, _UTF8, None, None)
        self.library.espeak_Synchronize()
        return np.concatenate(self._blocks)

    def _take(self, samples, count, events) -> int:
        for i in range(1000):
            if events[i].type == _END_OF_EVENTS:
                break
            self.happens(events[i])
        if samples and count > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, (count,)).astype(np.float64) / 32768)
        return 0
