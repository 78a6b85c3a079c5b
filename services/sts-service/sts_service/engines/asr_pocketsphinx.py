"""English speech recognition with PocketSphinx and the en-us model that comes with it."""

from typing import ClassVar

import numpy as np
from pocketsphinx import Decoder

from sts_service.audio import FULL_SCALE, Samples
from sts_service.engines.base import EngineLoadError, EngineOptions, Recognizer


class Engine(Recognizer):
    """Whole fragments with the default language model: end-pointer and grammars hear worse."""

    name: ClassVar[str] = "pocketsphinx"
    languages = frozenset({"en"})
    model: str = "en-us"

    def __init__(self, options: EngineOptions) -> None:
        if options.model not in (None, self.model):
            raise EngineLoadError(f"pocketsphinx has the model en-us only, not {options.model}")
        self._decoder = Decoder(samprate=self.rate_hz, loglevel="FATAL")

    def _recognize(self, samples: Samples, language: str) -> str:  # noqa: ARG002 - English only
        scaled = np.clip(samples, -1, 1) * (FULL_SCALE - 1)
        # Without this the cepstral mean of earlier fragments would colour the result.
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        try:
            self._decoder.process_raw(scaled.astype("<i2").tobytes(), full_utt=True)
        finally:
            self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr.strip() if hypothesis else ""
