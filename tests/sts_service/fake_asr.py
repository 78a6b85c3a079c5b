"""A recogniser that hears its words in the level of the sound, at once, and misbehaves on cue."""

import os
import subprocess
import time
from pathlib import Path
from typing import ClassVar

import numpy as np

from sts_service.audio import Samples
from sts_service.engines.base import EngineError, EngineLoadError, EngineOptions, Recognizer

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MUTE_LEVEL = 0.89
"""Heard as "mute", which the fake voice never finishes saying."""
HANG_LEVEL, DIE_LEVEL, FAIL_LEVEL, STUMBLE_LEVEL = 0.91, 0.93, 0.95, 0.97


class Engine(Recognizer):
    """Level 0.1 is "one", 0.2 "two", up to 0.8; the levels above make it misbehave.

    The model is a file that holds the model's name, or ``by-process``: in each process another.
    """

    name: ClassVar[str] = "fake-asr"
    languages = frozenset({"en"})
    model: str = "level"

    def __init__(self, options: EngineOptions) -> None:
        if options.model == "broken":
            raise subprocess.CalledProcessError(1, ["unpack", "broken"])
        if options.model == "by-process":
            self.model = f"level@{os.getpid()}"
        elif options.model is not None:
            self.model = _read(options.model)
        self._stumbled = False

    def _recognize(self, samples: Samples, language: str) -> str:
        level = float(np.abs(samples).max())
        if _is(level, MUTE_LEVEL):
            return "mute"
        if _is(level, HANG_LEVEL):
            time.sleep(60)
        if _is(level, DIE_LEVEL):
            os._exit(9)
        if _is(level, FAIL_LEVEL):
            raise EngineError("deaf", retryable=False)
        if _is(level, STUMBLE_LEVEL) and not self._stumbled:
            self._stumbled = True
            raise EngineError("stumbled", retryable=True)
        return WORDS[min(9, round(level * 10))]


def _read(model: str) -> str:
    try:
        return Path(model).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise EngineLoadError(f"the model called {model} is not there") from error


def _is(level: float, cue: float) -> bool:
    return abs(level - cue) < 0.005
