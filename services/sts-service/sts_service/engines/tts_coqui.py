"""Speech synthesis with Coqui TTS, by any of its models that speaks with one voice."""

import json
import logging
import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from TTS.utils.synthesizer import Synthesizer as Voice

from sts_service.audio import Mono, Samples, silence, trimmed
from sts_service.engines.base import EngineError, EngineLoadError, EngineOptions, Synthesizer
from sts_service.engines.model_files import model_files, unchanged
from sts_service.engines.numerals import spelled_out
from sts_service.engines.pieces import between_words
from sts_service.engines.torch_runtime import device, reseed
from sts_service.models.store import COQUI

_MAX_SPEED = 2.0
_PIECE_CHARACTERS = 200
"""Time and memory grow with the square of the length; what is longer is spoken in pieces."""
_PAUSE_S = 0.15
_LANGUAGE_IN_NAME = re.compile(r"^tts_models/([a-z]{2})/|-([a-z]{2})$")


class Engine(Synthesizer):
    """A model, by its name or its folder; its speed is the model's own, by ``length_scale``."""

    name: ClassVar[str] = "coqui"
    accelerated: ClassVar[bool] = True

    def __init__(self, options: EngineOptions) -> None:
        found = model_files(COQUI, options)
        config = found.file("config.json")
        # What is to be spoken is in its log lines, and speech is personal.
        logging.getLogger("TTS").setLevel(logging.ERROR)
        cuda = device(options) == "cuda"
        weights = found.file("model.pth", "model_file.pth", "model_file.pth.tar")
        with unchanged(found) as self.model:
            self._voice = Voice(tts_checkpoint=weights, tts_config_path=config, use_cuda=cuda)
            self._language = _language(found.name, config)
        self._acoustic = self._voice.tts_model
        self._letters = frozenset(self._acoustic.tokenizer.characters.vocab)
        self.languages = frozenset({self._language})
        self.rate_hz = int(self._voice.output_sample_rate)
        self.max_speed = _MAX_SPEED if hasattr(self._acoustic, "length_scale") else 1.0
        # The first run compiles and sets up kernels: not while somebody waits for it.
        self._synthesize("a la una", self._language, 1.0)

    def _synthesize(self, text: str, language: str, speed: float) -> Mono:
        words = [word for word in spelled_out(text, language).split() if self._knows(word)]
        reseed()
        pieces = between_words(" ".join(words), _PIECE_CHARACTERS)
        spoken = [self._piece(piece, speed) for piece in pieces]
        if not spoken:
            return silence(self.rate_hz)
        pause: Samples = np.zeros(round(self.rate_hz * _PAUSE_S / speed), np.float32)
        sounds = [part for piece in spoken for part in (piece.samples, pause)]
        return Mono(np.concatenate(sounds[:-1]), self.rate_hz)

    def _knows(self, word: str) -> bool:
        return any(char.isalnum() and {char, char.lower()} & self._letters for char in word)

    def _piece(self, text: str, speed: float) -> Mono:
        normal_scale = getattr(self._acoustic, "length_scale", None)
        if normal_scale is not None:
            self._acoustic.length_scale = normal_scale / speed
        try:
            with torch.inference_mode():
                # The library takes the only frame of a single letter for a missing dimension.
                sayable = text if len(text) > 1 else f"{text}."
                wave = self._voice.tts(sayable, split_sentences=False)
        finally:
            if normal_scale is not None:
                self._acoustic.length_scale = normal_scale
        samples = np.asarray(wave, dtype=np.float32)
        if not np.isfinite(samples).all():
            raise EngineError(f"{self.model} made a sound that is not finite", retryable=False)
        return trimmed(Mono(samples, self.rate_hz))


def _language(name: str, config: Path) -> str:
    named = _LANGUAGE_IN_NAME.search(name)
    if named is not None:
        return named[1] or named[2]
    for dataset in json.loads(config.read_text(encoding="utf-8")).get("datasets") or ():
        if dataset.get("language"):
            return str(dataset["language"])[:2]
    raise EngineLoadError(
        f"the model {name} does not say which language it speaks; remedy: a language in the "
        "datasets of its config.json, or a name that ends as in coqui-es"
    )
