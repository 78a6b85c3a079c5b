"""Translation with a Marian model, one pair of languages each, by Hugging Face's transformers."""

from typing import ClassVar

import torch
from transformers import MarianMTModel, MarianTokenizer
from transformers.utils import logging as transformers_logging

from sts_service.engines.base import EngineOptions, Translator
from sts_service.engines.language_pair import language_pair
from sts_service.engines.model_files import model_files, unchanged
from sts_service.engines.pieces import between_sentences
from sts_service.engines.torch_runtime import device
from sts_service.models.store import MARIAN

_PIECE_CHARACTERS = 250
"""A model reads a few hundred tokens at a time, in the worst case one for each character."""
_SPARE_TOKENS = 20


class Engine(Translator):
    """A model, by its name or its folder; greedy or by beams, as its own configuration says."""

    name: ClassVar[str] = "marian"
    accelerated: ClassVar[bool] = True

    def __init__(self, options: EngineOptions) -> None:
        found = model_files(MARIAN, options)
        self._device = device(options)
        transformers_logging.disable_progress_bar()
        with unchanged(found) as self.model:
            self._tokenizer = MarianTokenizer.from_pretrained(found.path, local_files_only=True)
            model = MarianMTModel.from_pretrained(
                found.path,
                local_files_only=True,
                dtype=torch.float16 if self._device == "cuda" else torch.float32,
            )
        self._marian = model.to(self._device).eval()
        self._positions = int(model.config.max_position_embeddings)
        said = (self._tokenizer.source_lang, self._tokenizer.target_lang)
        self.pairs = frozenset({language_pair(found.name, said)})
        # The first run sets up kernels: not while somebody waits for it.
        self._translate("hello", "", "")

    def _translate(self, text: str, source: str, target: str) -> str:  # noqa: ARG002 - one pair
        # Nothing but capitals is no way that models have seen their words written.
        written = text.capitalize() if text.isupper() else text
        pieces = between_sentences(written, _PIECE_CHARACTERS)
        return " ".join(filter(None, map(self._piece, pieces)))

    def _piece(self, text: str) -> str:
        tokens = self._tokenizer([text], return_tensors="pt", truncation=True).to(self._device)
        source_tokens = int(tokens["input_ids"].shape[1])
        with torch.inference_mode():
            written = self._marian.generate(
                input_ids=tokens["input_ids"],
                attention_mask=tokens["attention_mask"],
                do_sample=False,
                # A model that starts to repeat itself has to end somewhere.
                max_new_tokens=min(2 * source_tokens + _SPARE_TOKENS, self._positions - 1),
            )
        (translated,) = self._tokenizer.batch_decode(written, skip_special_tokens=True)
        return " ".join(str(translated).split())
