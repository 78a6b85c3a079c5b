"""Proof that the transcripts of a recorded run are what the clip is known to say (FR-030).

It raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from environment.expectations import expect
from environment.measuring.transcript import align, normalise
from environment.proofs import examination
from fixtures.sidecar import read_sidecar

if TYPE_CHECKING:
    from environment.runs.run import PipelineRun


def prove_transcript_of_clip(run: PipelineRun, tolerance: float) -> examination.Words:
    """At most that share of the clip's words is wrong, and each fragment has those of its place.

    The one word that a late join cut does not count. Where in the clip a fragment lies is read off
    its number and its length, never off what was recognised.
    """
    words = examination.words_against_clip(run)
    found = words.alignment
    lost = [word for word in found.missing if word != words.cut_by_join]
    wrong = len(lost) + len(found.substituted) + len(found.inserted)
    strayed = _strayed(run)
    expect(
        run.fragments and wrong <= tolerance * found.words_said and not strayed,
        expected=f"the clip's words, at most {100 * tolerance:g} % of them wrong (FR-030), each "
        "fragment's own",
        seen=f"{words}; in another fragment's place: {strayed or 'none'}",
        evidence=run.folder / "run.json",
        hint="the fragments' source audio lies there: listen to what was recognised.",
    )
    return words


def _strayed(run: PipelineRun) -> list[str]:
    """Name the fragments whose transcript fits another stretch of the clip as well or better."""
    said = read_sidecar(run.clip)
    stretches = {}
    for fragment in run.fragments:
        length_s = examination.sound_s(fragment)
        start_s = fragment.sequence_number * length_s
        stretches[fragment.sequence_number] = said.transcript_between(start_s, start_s + length_s)
    wordy = {number: text for number, text in stretches.items() if normalise(text)}
    strayed = []
    for fragment in run.fragments:
        heard = fragment.transcript or ""
        rates = {number: align(text, heard).rate for number, text in wordy.items()}
        own = rates.pop(fragment.sequence_number, None)
        if own is not None and own >= min(rates.values(), default=1.0):
            strayed.append(f"fragment {fragment.sequence_number}: {heard!r}")
    return strayed
