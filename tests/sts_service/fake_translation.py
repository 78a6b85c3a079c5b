"""A translator that knows ten words."""

from typing import ClassVar

from sts_service.engines.base import EngineError, EngineOptions, Translator
from tests.sts_service.fake_asr import WORDS

PALABRAS = ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve")


class Engine(Translator):
    """Word by word; it refuses eight."""

    name: ClassVar[str] = "fake-translation"
    pairs = frozenset({("en", "es"), ("de", "es")})

    def __init__(self, options: EngineOptions) -> None:
        self.model = options.model or "words"

    def _translate(self, text: str, source: str, target: str) -> str:
        if text == "eight":
            raise EngineError("eight has no translation", retryable=False)
        words = dict(zip(WORDS, PALABRAS, strict=True))
        return " ".join(words.get(word, word) for word in text.lower().split())
