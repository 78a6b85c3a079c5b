"""Where clips speak, and what dubs say, heard by a listener that believes no service."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

from environment.measuring.fingerprint import DUBBED_AT_MOST, compare
from environment.measuring.language import spanish_numbers
from environment.measuring.listening import Listener, Reading, Text
from environment.measuring.media import keyframe_interval_s, read_video_packets
from environment.measuring.transcript import normalise
from environment.proofs import examination
from environment.proofs.equivalents import spanish_of
from fixtures.sidecar import read_sidecar

if TYPE_CHECKING:
    from pathlib import Path

    from environment.runs.fragments import DubbedFragments, FragmentRecord
    from environment.runs.run import PipelineRun

LEAST_LEAD: Final = 0.08
"""Of the right text over the runner-up. Dubs that say their own text have 0.15 and more; English
words in the Spanish voice were taken for their translation with a lead of 0.02."""
_NOTHING: Final = "nothing that is written down"


@dataclass(frozen=True)
class Heard:
    """Which of all texts one fragment's sound says.

    ``texts`` are each fragment's translation, what the clip says in its place, and both for the
    rest of the clip; ``wanted`` is the one that should be heard. ``reading`` tells how well each
    of them fits.
    """

    number: int
    texts: tuple[Text, ...]
    wanted: int
    reading: Reading

    @property
    def right(self) -> bool:
        """Whether the wanted text fits clearly better than all others."""
        return self.reading.best == self.wanted and self.reading.lead >= LEAST_LEAD

    def __str__(self) -> str:
        best = self.reading.best
        text = _NOTHING if best is None else f"“{self.texts[best].words}”"
        return f"fragment {self.number} says {text} (lead {100 * self.reading.lead:.0f} %)"


def dubs_heard(run: DubbedFragments) -> list[Heard]:
    """Listen to each dub: which translation or English does it say?"""
    texts = _texts(run)
    listener = Listener(texts)
    return [
        Heard(fragment.sequence_number, texts, place, listener.read_along(dub, fragment.rate_hz))
        for place, fragment in enumerate(run.fragments)
        if (dub := fragment.dubbed_audio) is not None
    ]


def originals_heard(run: DubbedFragments) -> list[Heard]:
    """Listen to what was sent: is it the clip's English rather than its translation?

    This is what shows that the listener is not deaf.
    """
    texts = _texts(run)
    listener = Listener(texts)
    count = len(run.fragments)
    return [
        Heard(
            fragment.sequence_number,
            texts,
            count + place,
            listener.read_along(
                fragment.source_audio, fragment.rate_hz, only=(place, count + place)
            ),
        )
        for place, fragment in enumerate(run.fragments)
    ]


def alike_dubs(run: DubbedFragments) -> list[str]:
    """Name the pairs of dubs that sound alike, as if it were always the same one."""
    alike = []
    for one, other in combinations(run.fragments, 2):
        if one.dubbed_audio is None or other.dubbed_audio is None:
            continue
        verdict = compare(one.dubbed_audio, other.dubbed_audio, one.rate_hz)
        if verdict.similarity is None or verdict.similarity > DUBBED_AT_MOST:
            alike.append(f"{one.sequence_number} and {other.sequence_number}: {verdict}")
    return alike


def spoken_segments(run: PipelineRun) -> set[int]:
    """Return the numbers of the segments in which the clip says a word, by its description.

    The segments are as long as the first fragment. Words whose beginning a live join missed do not
    count, as far as one may miss: a keyframe interval of the clip.
    """
    if not run.fragments:
        return set()
    first = min(run.fragments, key=lambda fragment: fragment.sequence_number)
    length_s = examination.sound_s(first)
    interval_s = keyframe_interval_s(read_video_packets(run.clip))
    join_s = min(examination.missed_until_s(run), interval_s)
    words = read_sidecar(run.clip).words
    return {int(word.start_s // length_s) for word in words if word.start_s >= join_s}


def numbers_of(fragment: FragmentRecord) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the numbers that a fragment's transcript names, and those of its translation."""
    words = normalise(fragment.transcript or "")
    said = tuple(int(word) for word in words if word.isdigit())
    return said, spanish_numbers(fragment.translated_text or "")


def _texts(run: DubbedFragments) -> tuple[Text, ...]:
    """The texts that may be heard, those of the fragments first.

    Each fragment's translation as it came back; the words that the clip's description has there;
    and what the clip says where no fragment is, in Spanish and in English.
    """
    translations = [Text("es", fragment.translated_text or "") for fragment in run.fragments]
    if run.clip is None or not run.fragments:
        return tuple(translations)
    first = run.fragments[0]
    english = _english(run.clip, len(first.source_audio) / first.rate_hz)
    there = [fragment.sequence_number for fragment in run.fragments]
    elsewhere = [text for number, text in english.items() if number not in there]
    return (
        *translations,
        *(Text("en", english.get(number, "")) for number in there),
        *(Text("es", spanish_of(text)) for text in elsewhere),
        *(Text("en", text) for text in elsewhere),
    )


def _english(clip: Path, length_s: float) -> dict[int, str]:
    """What the clip's description says is said in each stretch of that length."""
    said: dict[int, list[str]] = {}
    for word in read_sidecar(clip).words:
        said.setdefault(int(word.start_s // length_s), []).append(word.text)
    return {number: " ".join(words) for number, words in said.items()}
