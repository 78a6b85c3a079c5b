"""Words: what was said against what was heard, with numbers in one spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass

import jiwer


def _table(words: str, first: int, step: int) -> dict[str, int]:
    return {word: first + step * place for place, word in enumerate(words.split())}


_ONES = _table(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen",
    first=0,
    step=1,
)
_TENS = _table("twenty thirty forty fifty sixty seventy eighty ninety", first=20, step=10)
_ONES_WORDS = {number: word for word, number in _ONES.items()}
_TENS_WORDS = {number: word for word, number in _TENS.items()}
_HUNDRED = "hundred"
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


@dataclass(frozen=True)
class Substitution:
    """A word that was heard as another."""

    said: str
    heard: str


@dataclass(frozen=True)
class Alignment:
    """What was heard against what was said, word by word; numbers are written in words.

    `rate` is the word error rate: missing, substituted and inserted words over words said.
    """

    rate: float
    words_said: int
    missing: tuple[str, ...]
    substituted: tuple[Substitution, ...]
    inserted: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"word error rate {self.rate:.3f} on {self.words_said} words"]
        if self.missing:
            parts.append("missing: " + ", ".join(self.missing))
        if self.substituted:
            swaps = (f"{swap.heard} for {swap.said}" for swap in self.substituted)
            parts.append("wrong: " + ", ".join(swaps))
        if self.inserted:
            parts.append("never said: " + ", ".join(self.inserted))
        return "; ".join(parts)


def number_words(number: int) -> str:
    """Return `number` (0..100) in English words, compounds hyphenated: 21 -> "twenty-one"."""
    if not 0 <= number <= 100:
        raise ValueError(f"only numbers from 0 to 100 have words here, not {number}")
    if number == 100:
        return f"one {_HUNDRED}"
    if number < 20:
        return _ONES_WORDS[number]
    tens, ones = divmod(number, 10)
    return _TENS_WORDS[10 * tens] + (f"-{_ONES_WORDS[ones]}" if ones else "")


def counting_words(first: int, last: int) -> tuple[str, ...]:
    """The words of someone who counts from `first` to `last`, both said."""
    return tuple(number_words(number) for number in range(first, last + 1))


def normalise(text: str) -> tuple[str, ...]:
    """Split into lower-case words without punctuation; each number is one word, in digits.

    "Twenty one", "twenty-one" and "21" all become "21", and "one hundred" becomes "100".
    """
    words: list[str] = []
    open_tens = False
    for word in _WORD.findall(text.lower().replace("\u2019", "'")):
        if word == _HUNDRED and words and words[-1] in {"1", "a"}:
            words[-1] = "100"
        elif word in _TENS:
            words.append(str(_TENS[word]))
        elif open_tens and 1 <= _ONES.get(word, 0) <= 9:
            words[-1] = str(int(words[-1]) + _ONES[word])
        else:
            words.append(str(_ONES[word]) if word in _ONES else word)
        open_tens = word in _TENS
    return tuple(words)


def word_error_rate(expected: str, actual: str) -> float:
    """Missing, substituted and inserted words over words expected; see `align`."""
    return align(expected, actual).rate


def align(expected: str, actual: str) -> Alignment:
    """Align what was heard with what was said and name every difference.

    ValueError when nothing was said: there is no rate on no words.
    """
    said, heard = normalise(expected), normalise(actual)
    if not said:
        raise ValueError("a word error rate needs at least one expected word")
    measured = jiwer.process_words(" ".join(said), " ".join(heard))
    missing: list[str] = []
    substituted: list[Substitution] = []
    inserted: list[str] = []
    for chunk in measured.alignments[0]:
        ours = [_spell(word) for word in said[chunk.ref_start_idx : chunk.ref_end_idx]]
        theirs = [_spell(word) for word in heard[chunk.hyp_start_idx : chunk.hyp_end_idx]]
        if chunk.type == "delete":
            missing += ours
        elif chunk.type == "insert":
            inserted += theirs
        elif chunk.type == "substitute":
            pairs = zip(ours, theirs, strict=True)
            substituted += [Substitution(said=mine, heard=other) for mine, other in pairs]
    return Alignment(
        rate=float(measured.wer),
        words_said=len(said),
        missing=tuple(missing),
        substituted=tuple(substituted),
        inserted=tuple(inserted),
    )


def _spell(word: str) -> str:
    is_known = word.isascii() and word.isdigit() and int(word) <= 100
    return number_words(int(word)) if is_known else word
