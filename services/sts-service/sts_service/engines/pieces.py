"""Parting a text that is too long for a model to take in one go."""

import re
import textwrap

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def between_words(text: str, longest: int) -> list[str]:
    """Return pieces of at most ``longest`` characters; only a word longer than that is broken."""
    return textwrap.wrap(text, longest, break_on_hyphens=False)


def between_sentences(text: str, longest: int) -> list[str]:
    """Return a text as it is, or too long, sentence by sentence, and those between words."""
    if len(text) <= longest:
        return [text]
    sentences = _SENTENCE_END.split(text)
    return [piece for sentence in sentences for piece in between_words(sentence, longest)]
