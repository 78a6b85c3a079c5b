"""Speech recognition with OpenAI's Whisper, in any language that the checkpoint knows."""

import zipfile
from pathlib import Path
from typing import Any, ClassVar

import torch
import whisper
from whisper.tokenizer import LANGUAGES

from sts_service.audio import Samples
from sts_service.engines.base import EngineOptions, Recognizer
from sts_service.engines.model_files import model_files, unchanged
from sts_service.engines.torch_runtime import device
from sts_service.models.store import WHISPER

_BEAM_SIZE = 5
_MOST_COMPRESSED = 2.4
_PIECE_S = 6
NO_SPEECH_FROM = "no_speech_from"
"""What a checkpoint may carry beside its weights: nobody speaks where Whisper thinks so at least
this probably. Without it Whisper must also doubt its own words, as OpenAI's models need it."""


class Engine(Recognizer):
    """A checkpoint, by its name or its file; Whisper itself fills a fragment up to 30 s.

    Deterministic: one temperature, nothing sampled, no memory of earlier fragments.
    """

    name: ClassVar[str] = "whisper"
    accelerated: ClassVar[bool] = True

    def __init__(self, options: EngineOptions) -> None:
        found = model_files(WHISPER, options)
        self._device = device(options)
        with unchanged(found) as self.model:
            self._whisper = whisper.load_model(str(found.path), device=self._device)
            self._no_speech_from = _no_speech_from(found.path)
        multilingual = self._whisper.is_multilingual
        self.languages = frozenset(LANGUAGES) if multilingual else frozenset({"en"})
        # The first run sets up kernels and tokenizer: not while somebody waits for it.
        self._recognize(torch.zeros(self.rate_hz).numpy(), "en")

    def _recognize(self, samples: Samples, language: str) -> str:
        heard = self._transcribe(samples, language)
        repeats = any(part["compression_ratio"] > _MOST_COMPRESSED for part in heard["segments"])
        if not repeats or samples.size <= self._piece_samples:
            return _text(heard)
        # It has lost its way in a long fragment, by the sign that Whisper goes by itself.
        pieces = range(0, samples.size, self._piece_samples)
        return " ".join(
            _text(self._transcribe(samples[at : at + self._piece_samples], language))
            for at in pieces
        )

    @property
    def _piece_samples(self) -> int:
        return _PIECE_S * self.rate_hz

    def _transcribe(self, samples: Samples, language: str) -> dict[str, Any]:
        rules = {}
        if self._no_speech_from is not None:
            rules = {"no_speech_threshold": self._no_speech_from, "logprob_threshold": None}
        with torch.inference_mode():
            heard: dict[str, Any] = whisper.transcribe(
                self._whisper,
                samples,
                language=language,
                temperature=0.0,
                beam_size=_BEAM_SIZE,
                condition_on_previous_text=False,
                fp16=self._device == "cuda",
                **rules,
            )
        return heard


def _text(heard: dict[str, Any]) -> str:
    return " ".join(str(heard["text"]).split())


def _no_speech_from(checkpoint: Path) -> float | None:
    if not zipfile.is_zipfile(checkpoint):
        return None
    carried = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    threshold = carried.get(NO_SPEECH_FROM)
    return None if threshold is None else float(threshold)
