"""Proofs that the engines at work are those that are named, by what their libraries say alone.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from environment.expectations import expect
from environment.measuring.fingerprint import DUBBED_AT_MOST, compare
from environment.measuring.sound import Samples
from environment.measuring.transcript import normalise
from environment.proofs.equivalents import words_of
from environment.runs.exchange import RATE_HZ, Exchange
from environment.runs.witness import Statement

LEAST_COMPARABLE: Final = 3
"""Fragments whose dub was not sped up to fit; only they sound as the voice does by itself."""

_AUDIBLE: Final = 0.02
_SAME_LENGTH: Final = 0.06


def prove_named_models_asked(
    exchange: Exchange, statement: Statement, models: Mapping[str, str]
) -> None:
    """The files that the libraries opened are those that /health names by their content.

    `models` are /health's, by stage: ``small@9ecf7799`` has the first digits of a SHA-256.
    """
    named = {stage: model.rpartition("@")[2] for stage, model in models.items() if "@" in model}
    opened = {
        stage: digest[: len(named.get(stage, ""))] for stage, digest in statement.digests.items()
    }
    expect(
        opened == named,
        expected=f"the models' files by their SHA-256: {named}",
        seen=dict(statement.digests),
        evidence=exchange.folder / "witness" / "answers.json",
        hint="was a model's file replaced after the service had loaded it?",
    )


def prove_same_words_heard(exchange: Exchange, statement: Statement) -> None:
    """The named recogniser, given the same sounds, writes the same words."""
    differing = [
        (fragment.transcript, heard)
        for fragment, heard in zip(exchange.fragments, statement.heard, strict=True)
        if normalise(fragment.transcript or "") != normalise(heard)
    ]
    expect(
        not differing,
        expected="the transcripts that the named recogniser gives by itself",
        seen="; ".join(f"{ours!r}, by itself {heard!r}" for ours, heard in differing),
        evidence=exchange.folder / "witness" / "answers.json",
        hint="another recogniser, or another model, than the one that /health names?",
    )


def prove_same_translation(exchange: Exchange, statement: Statement) -> None:
    """The named translator, given the same transcripts, writes the same words."""
    differing = [
        (fragment.translated_text, translated)
        for fragment, translated in zip(exchange.fragments, statement.translated, strict=True)
        if words_of(fragment.translated_text or "") != words_of(translated)
    ]
    expect(
        not differing,
        expected="the translations that the named translator gives by itself",
        seen="; ".join(f"{ours!r}, by itself {other!r}" for ours, other in differing),
        evidence=exchange.folder / "witness" / "answers.json",
        hint="another translator, or another model, than the one that /health names?",
    )


def prove_same_voice(exchange: Exchange, statement: Statement) -> None:
    """The dubs sound as the named voice does when it says the same (FR-032).

    The same voice saying the same has a log-mel similarity of 0.93 to 1.00, eSpeak's against
    Coqui's that learned from it 0.13 to 0.31. Where a dub was sped up to fit its segment the two
    cannot be compared.
    """
    said, comparable = [], 0
    for fragment, spoken in zip(exchange.fragments, statement.spoken, strict=True):
        assert fragment.dubbed_audio is not None
        dub, alone = _audible(fragment.dubbed_audio), _audible(spoken.samples)
        if len(alone) > len(fragment.dubbed_audio):
            continue
        verdict = compare(alone, dub[: len(alone)], RATE_HZ)
        comparable += 1
        alike = abs(len(alone) / len(dub) - 1) <= _SAME_LENGTH and (
            (verdict.similarity or 0.0) > DUBBED_AT_MOST
        )
        if not alike:
            lengths = f"{len(dub) / RATE_HZ:.2f} s, by itself {len(alone) / RATE_HZ:.2f} s"
            said.append(f"fragment {fragment.sequence_number}: {lengths}, {verdict}")
    expect(
        comparable >= LEAST_COMPARABLE and not said,
        expected=f"in {LEAST_COMPARABLE} dubs or more, and wherever it can be compared, the voice "
        "that is named",
        seen="; ".join(said) or f"{comparable} dubs that can be compared",
        evidence=exchange.folder / "witness",
        hint="the named voice by itself lies there as WAV files, the dubs beside: listen.",
    )


def _audible(samples: Samples) -> Samples:
    """Cut the silence at both ends off."""
    level = np.abs(samples)
    loud = np.flatnonzero(level > _AUDIBLE * float(level.max(initial=0.0)))
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]
