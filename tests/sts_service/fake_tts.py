"""A voice that hums: a tenth of a second for each letter."""

import time
from typing import ClassVar

import numpy as np

from sts_service.audio import Mono
from sts_service.engines.base import EngineOptions, Synthesizer


class Engine(Synthesizer):
    """Faster when asked to be."""

    name: ClassVar[str] = "fake-tts"
    languages = frozenset({"es"})
    rate_hz = 16_000

    def __init__(self, options: EngineOptions) -> None:
        self.model = options.model or "hum"

    def _synthesize(self, text: str, language: str, speed: float) -> Mono:
        if text == "mute":
            time.sleep(60)
        letters = sum(character.isalpha() for character in text)
        times = np.arange(round(letters * 0.1 * self.rate_hz / speed)) / self.rate_hz
        return Mono((0.5 * np.sin(2 * np.pi * 220 * times)).astype(np.float32), self.rate_hz)
