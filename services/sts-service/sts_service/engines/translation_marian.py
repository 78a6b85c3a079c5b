"""Translation with a Marian model, one pair of languages each, by Hugging Face's transformers."""

import re
import textwrap
from typing import ClassVar

import torch
from transformers import MarianMTModel, MarianTokenizer
from transformers.utils import logging as transformers_logging

from sts_service.engines.base import EngineLoadError, EngineOptions, Translator
from sts_service.engines.torch_runtime import device
from sts_service.models.store import MARIAN, resolve

DEFAULT_MODEL = "Helsinki-NLP/opus-mt-en-es"

_PIECE_CHARACTERS = 250
"""A model reads a few hundred tokens at a time, in the worst case one for each character."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_SPARE_TOKENS = 20
_PAIR_IN_NAME = re.compile(r"-([a-z]{2})-([a-z]{2})(?:@|$)")


class Engine(Translator):
    """A model, by its name or its folder; greedy or by beams, as its own configuration says."""

    name: ClassVar[str] = "marian"
    accelerated: ClassVar[bool] = True

    def __init__(self, options: EngineOptions) -> None:
        found = resolve(MARIAN, options.model or DEFAULT_MODEL, options)
        self._device = device(options)
        transformers_logging.disable_progress_bar()
        self._tokenizer = MarianTokenizer.from_pretrained(found.path, local_files_only=True)
        model = MarianMTModel.from_pretrained(
            found.path,
            local_files_only=True,
            dtype=torch.float16 if self._device == "cuda" else torch.float32,
        )
        self._marian = model.to(self._device).eval()
        self._positions = int(model.config.max_position_embeddings)
        self.model = found.identity()
        self.pairs = frozenset({_pair(self._tokenizer, found.name)})
        # The first run sets up kernels: not while somebody waits for it.
        self._translate("hello", "", "")

    def _translate(self, text: str, source: str, target: str) -> str:  # noqa: ARG002 - one pair
        # Nothing but capitals is no way that models have seen their words written.
        written = text.capitalize() if text.isupper() else text
        return " ".join(filter(None, map(self._piece, _pieces(written))))

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


def _pieces(text: str) -> list[str]:
    """Part a text that is too long for one go: between sentences, or else between words."""
    if len(text) <= _PIECE_CHARACTERS:
        return [text]
    sentences = _SENTENCE_END.split(text)
    return [piece for sentence in sentences for piece in textwrap.wrap(sentence, _PIECE_CHARACTERS)]


def _pair(tokenizer: MarianTokenizer, name: str) -> tuple[str, str]:
    source, target = tokenizer.source_lang, tokenizer.target_lang
    if source and target:
        return source, target
    named = _PAIR_IN_NAME.search(name)
    if named is None:
        raise EngineLoadError(
            f"the model {name} does not say which languages it translates; remedy: source_lang "
            "and target_lang in its tokenizer_config.json, or a name that ends as in opus-mt-en-es"
        )
    return named[1], named[2]
