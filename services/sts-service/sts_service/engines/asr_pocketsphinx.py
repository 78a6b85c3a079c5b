"""English speech recognition with PocketSphinx and the en-us model that comes with it."""

from typing import ClassVar

from pocketsphinx import Decoder
from webrtc_noise_gain import AudioProcessor  # type: ignore[import-untyped]

from sts_service.audio import FULL_SCALE, Samples
from sts_service.engines.base import EngineLoadError, EngineOptions, Recognizer

_SUPPRESSION = 2
"""Of WebRTC's levels 0 to 4: halves the errors in noise and more, costs clean speech none."""
_FRAME_BYTES = 320
"""10 ms, as WebRTC takes it."""


def suppressed(pcm: bytes) -> bytes:
    """Take steady noise out of mono s16le at 16 kHz; the end is filled up to 10 ms.

    Always from the same beginning, so that what was heard before does not matter.
    """
    processor = AudioProcessor(0, _SUPPRESSION)
    padded = pcm.ljust(-(-len(pcm) // _FRAME_BYTES) * _FRAME_BYTES, b"\0")
    frames = (padded[at : at + _FRAME_BYTES] for at in range(0, len(padded), _FRAME_BYTES))
    return b"".join(processor.Process10ms(frame).audio for frame in frames)


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
        pcm = (samples * (FULL_SCALE - 1)).astype("<i2").tobytes()
        # Without this the cepstral mean of earlier fragments would colour the result.
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        try:
            self._decoder.process_raw(suppressed(pcm), full_utt=True)
        finally:
            self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr.strip() if hypothesis else ""
