"""What the proof about a run's transcripts accepts, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from environment.expectations import ExpectationFailed
from environment.proofs import examination
from environment.proofs.transcript_proofs import prove_transcript_of_clip
from environment.runs.run import PipelineRun
from fixtures.sidecar import read_sidecar

SAID = (
    "one two three four five six",
    "seven eight nine ten eleven twelve",
    "thirteen fourteen fifteen sixteen seventeen eighteen",
    "nineteen twenty twenty-one twenty-two twenty-three twenty-four",
    "twenty-five twenty-six twenty-seven twenty-eight twenty-nine thirty",
)


@pytest.fixture(autouse=True)
def nothing_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was cut by a late join, unless a test says so."""
    monkeypatch.setattr(examination, "missed_until_s", lambda _run: 0.0)


def heard(source: Path, texts: Sequence[str | None]) -> PipelineRun:
    fragments = tuple(
        SimpleNamespace(
            sequence_number=number,
            transcript=text,
            rate_hz=100,
            source_audio=np.ones(600, np.float32),
        )
        for number, text in enumerate(texts)
    )
    transcript = " ".join(text for text in texts if text)
    run = SimpleNamespace(
        clip=source, folder=Path("run"), fragments=fragments, transcript=transcript
    )
    return cast("PipelineRun", run)


def test_the_clip_s_words_are_accepted_however_numbers_are_spelled(source: Path) -> None:
    assert " ".join(SAID) == read_sidecar(source).transcript
    prove_transcript_of_clip(heard(source, SAID), 0.0)
    prove_transcript_of_clip(heard(source, ("1, 2, 3, 4, 5, 6.", *SAID[1:])), 0.0)


def test_variance_is_allowed_as_far_as_it_is_stated(source: Path) -> None:
    one_wrong = heard(source, ("one two tree four five six", *SAID[1:]))
    prove_transcript_of_clip(one_wrong, 0.1)
    with pytest.raises(ExpectationFailed, match="tree for three"):
        prove_transcript_of_clip(one_wrong, 0.0)


def test_the_word_that_the_join_cut_may_be_missing(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = heard(source, ("two three four five six", *SAID[1:]))
    with pytest.raises(ExpectationFailed, match="missing: one"):
        prove_transcript_of_clip(cut, 0.0)
    monkeypatch.setattr(examination, "missed_until_s", lambda _run: 0.7)
    prove_transcript_of_clip(cut, 0.0)


@pytest.mark.parametrize(
    "texts",
    [
        (),
        (None,) * 5,
        SAID[:4],
        (*SAID[:4], "and much that nobody ever said in this clip at all"),
        (SAID[1], SAID[0], *SAID[2:]),
        (*SAID[:4], None),
    ],
    ids=["no fragment", "nothing", "one lost", "invented", "swapped", "one without"],
)
def test_other_words_are_refused(source: Path, texts: Sequence[str | None]) -> None:
    with pytest.raises(ExpectationFailed, match="the clip's words"):
        prove_transcript_of_clip(heard(source, texts), 0.1)


def test_words_in_another_s_place_are_refused_whatever_the_tolerance(source: Path) -> None:
    swapped = heard(source, (SAID[1], SAID[0], *SAID[2:]))
    with pytest.raises(ExpectationFailed, match=r"place: .*fragment 0: 'seven"):
        prove_transcript_of_clip(swapped, 10.0)
