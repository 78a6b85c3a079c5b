"""Dubs that do not say what they should are refused, whatever the service says of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from environment.expectations import ExpectationFailed
from environment.measuring.language import spell_spanish
from environment.measuring.media import AudioTrack
from environment.measuring.sound import Samples
from environment.proofs.speech_proofs import prove_another_voice, prove_dubs_say_their_translation
from environment.runs.run import PipelineRun
from tests.measuring.making import RATE_HZ

LENGTH_S = 6


@pytest.fixture(scope="module")
def originals(said: AudioTrack) -> list[Samples]:
    return [said.cut(at, LENGTH_S) for at in (0, LENGTH_S)]


@pytest.fixture(scope="module")
def right(spanish: Samples) -> list[Samples]:
    return np.split(spanish[: 2 * LENGTH_S * RATE_HZ], 2)


def run(clip: Path, originals: list[Samples], dubs: list[Samples]) -> PipelineRun:
    fragments = tuple(
        SimpleNamespace(
            sequence_number=number,
            rate_hz=RATE_HZ,
            source_audio=original,
            dubbed_audio=dub,
            translated_text=" ".join(map(spell_spanish, range(6 * number + 1, 6 * number + 7))),
        )
        for number, (original, dub) in enumerate(zip(originals, dubs, strict=True))
    )
    return cast("PipelineRun", SimpleNamespace(clip=clip, fragments=fragments, folder=Path()))


def test_the_translations_are_heard(
    source: Path, originals: list[Samples], right: list[Samples]
) -> None:
    made = run(source, originals, right)

    prove_dubs_say_their_translation(made)
    prove_another_voice(made)


def test_swapped_dubs_are_refused(
    source: Path, originals: list[Samples], right: list[Samples]
) -> None:
    with pytest.raises(ExpectationFailed, match="its own translated_text"):
        prove_dubs_say_their_translation(run(source, originals, right[::-1]))


def test_english_is_refused(source: Path, originals: list[Samples]) -> None:
    with pytest.raises(ExpectationFailed, match="its own translated_text"):
        prove_dubs_say_their_translation(run(source, originals, originals))


def test_a_listener_that_does_not_understand_the_source_proves_nothing(
    source: Path, right: list[Samples]
) -> None:
    with pytest.raises(ExpectationFailed, match="English heard in what was sent"):
        prove_dubs_say_their_translation(run(source, right, right))


def test_always_the_same_dub_is_refused(
    source: Path, originals: list[Samples], right: list[Samples]
) -> None:
    with pytest.raises(ExpectationFailed, match="always the same"):
        prove_another_voice(run(source, originals, [right[0], right[0]]))
