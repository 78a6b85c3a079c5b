"""Proofs about speech: what was recognised, translated and spoken.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from environment.expectations import expect
from environment.measuring.language import language_of, left_untranslated
from environment.proofs import examination, spoken

if TYPE_CHECKING:
    from environment.runs.fragments import DubbedFragments
    from environment.runs.run import PipelineRun


def prove_translated_to(run: DubbedFragments, language: str) -> None:
    """Each translated text is in that language, and no word is left as it was (FR-018, FR-031)."""
    texts = [(f.transcript or "", f.translated_text or "") for f in run.fragments]
    seen = [
        (language_of(translated), left_untranslated(said, translated), translated)
        for said, translated in texts
    ]
    expect(
        seen and all(there == language and not left for there, left, _text in seen),
        expected=f"{language!r} in every translated_text, and no word of its transcript in it "
        "(FR-018, FR-031)",
        seen=seen,
        evidence=run.folder / "run.json",
        hint="the translation engine, and what the recogniser gave it.",
    )


def prove_another_voice(run: DubbedFragments) -> None:
    """Each dubbed audio is neither the original nor silence, and none is like another."""
    voices = examination.dubs_against_source(run)
    alike = spoken.alike_dubs(run)
    expect(
        len(voices) == len(run.fragments) > 0
        and all(v.verdict == "dubbed" for v in voices)
        and not alike,
        expected="dubbed audio in every result: neither the original nor silence, nor always "
        "the same",
        seen=[str(voice) for voice in voices] + alike,
        evidence=run.folder,
        hint="the dubbed audio lies there as WAV files: listen.",
    )


def prove_dubs_say_their_translation(run: DubbedFragments) -> None:
    """Each dub is speech, and of all texts of the run it says its own translation.

    The others are the translations of the other fragments and the English of all of them. The
    listener shows that it can hear by the fragments themselves.
    """
    originals, dubs = spoken.originals_heard(run), spoken.dubs_heard(run)
    expect(
        originals and all(original.right for original in originals),
        expected="the clip's English heard in what was sent",
        seen=[str(original) for original in originals],
        evidence=run.folder,
        hint="what was sent lies there as WAV files; environment/measuring/listening.py hears it.",
    )
    expect(
        len(dubs) == len(run.fragments) and all(dub.right for dub in dubs),
        expected="in each dub its own translated_text spoken, rather than English, another "
        "fragment's text, or no speech (FR-018)",
        seen=[str(dub) for dub in dubs],
        evidence=run.folder,
        hint="the dubbed audio lies there as WAV files: listen.",
    )


def prove_same_numbers(run: DubbedFragments) -> None:
    """Each translation names the numbers of its transcript, in the same order."""
    numbers = [spoken.numbers_of(fragment) for fragment in run.fragments]
    expect(
        numbers and all(said and said == translated for said, translated in numbers),
        expected="in each translation the numbers of its transcript",
        seen=[(f.transcript, f.translated_text) for f in run.fragments],
        evidence=run.folder / "run.json",
        hint="the translation engine, and what the recogniser gave it.",
    )


def prove_words_of_the_clip(run: PipelineRun) -> examination.Words:
    """The transcripts say what the clip says; only a word cut by the join may be missing."""
    words = examination.words_against_clip(run)
    expect(
        words.faultless,
        expected="the clip's words without an error, but for one cut by the join",
        seen=words,
        evidence=run.folder / "run.json",
        hint="the fragments' source audio lies there: listen to what was recognised.",
    )
    return words
