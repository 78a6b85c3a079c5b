"""Speech recognition with OpenAI's Whisper, in any language that the checkpoint knows."""

from typing import ClassVar

import torch
import whisper
from whisper.tokenizer import LANGUAGES

from sts_service.audio import Samples
from sts_service.engines.base import EngineOptions, Recognizer
from sts_service.engines.torch_runtime import device
from sts_service.models.store import WHISPER, resolve

DEFAULT_MODEL = "small"


class Engine(Recognizer):
    """A checkpoint, by its name or its file; Whisper itself fills a fragment up to 30 s.

    Deterministic: one temperature, nothing sampled, no memory of earlier fragments.
    """

    name: ClassVar[str] = "whisper"
    accelerated: ClassVar[bool] = True

    def __init__(self, options: EngineOptions) -> None:
        found = resolve(WHISPER, options.model or DEFAULT_MODEL, options)
        self._device = device(options)
        self._whisper = whisper.load_model(str(found.path), device=self._device)
        self.model = found.identity()
        multilingual = self._whisper.is_multilingual
        self.languages = frozenset(LANGUAGES) if multilingual else frozenset({"en"})
        # The first run sets up kernels and tokenizer: not while somebody waits for it.
        self._recognize(torch.zeros(self.rate_hz).numpy(), "en")

    def _recognize(self, samples: Samples, language: str) -> str:
        with torch.inference_mode():
            heard = whisper.transcribe(
                self._whisper,
                samples,
                language=language,
                temperature=0.0,
                condition_on_previous_text=False,
                fp16=self._device == "cuda",
            )
        return " ".join(str(heard["text"]).split())
