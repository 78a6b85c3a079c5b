"""Backpressure: what a sender may do after each advice, and what it may not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from environment.expectations import ExpectationFailed
from environment.proofs import examination, pace_proofs, spoken
from fixtures.catalogue import CLIPS

if TYPE_CHECKING:
    from environment.runs.observations import Observation
    from environment.runs.run import PipelineRun


def event(at: float, name: str, **payload: object) -> Observation:
    made = SimpleNamespace(at=at, event=SimpleNamespace(event=name), payload=payload)
    return cast("Observation", made)


def sent(at: float, number: int) -> Observation:
    return event(at, "fragment:data", sequence_number=number)


def advice(at: float, action: str, delay_ms: int | None = None) -> Observation:
    return event(at, "backpressure", action=action, recommended_delay_ms=delay_ms)


RISE_AND_FALL = (
    sent(2, 0),
    sent(4, 1),
    advice(4, "slow_down", 3000),
    sent(7, 2),
    advice(7, "pause", 3000),
    sent(7.3, 3),  # it was on its way
    advice(12, "slow_down", 1000),
    sent(12.1, 4),
    advice(14, "none"),
    sent(14.1, 5),
    sent(14.2, 6),
)


def run(
    events: tuple[Observation, ...] = RISE_AND_FALL,
    waited_s: float = 5.0,
) -> PipelineRun:
    segment: dict[str, Any] = {"number": 0, "cut_at": 1.0, "sent_at": 1.0 + waited_s}
    shown = SimpleNamespace(events=events, segments=[segment], folder=Path("/made"))
    return cast("PipelineRun", shown)


def test_a_sender_that_obeys_is_accepted() -> None:
    pace_proofs.prove_pressure_rose_and_fell(run())
    pace_proofs.prove_pace_kept(run())


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        ((sent(1, 0), advice(2, "pause"), sent(3, 1)), "fragment 1 1.0 s after pause"),
        (
            (sent(1, 0), advice(1, "slow_down", 3000), sent(3, 1)),
            "fragment 1 2.00 s after the last, asked 3.00 s",
        ),
    ],
)
def test_a_sender_that_does_not_is_told(events: tuple[Observation, ...], complaint: str) -> None:
    assert pace_proofs.out_of_pace(events) == [complaint]
    with pytest.raises(ExpectationFailed, match=complaint):
        pace_proofs.prove_pace_kept(run(events))


def test_a_run_in_which_nothing_waited_proves_nothing() -> None:
    with pytest.raises(ExpectationFailed, match="waited: none"):
        pace_proofs.prove_pace_kept(run(waited_s=0.1))


def test_a_run_that_was_never_slowed_down_proves_nothing() -> None:
    # Under the first slow_down nothing is sent, and under the second only what was on its way.
    events = tuple(each for each in RISE_AND_FALL if each.payload.get("sequence_number") != 2)
    late = (*events[:-4], advice(12, "slow_down", 1000), sent(12.4, 4), *events[-3:])

    assert pace_proofs.sent_while_slowed(RISE_AND_FALL) == [2]
    assert pace_proofs.out_of_pace(late) == []
    with pytest.raises(ExpectationFailed, match="under slow_down: none"):
        pace_proofs.prove_pace_kept(run(late))


@pytest.mark.parametrize("left_out", ["slow_down", "pause", "none"])
def test_pressure_has_to_rise_and_to_fall(left_out: str) -> None:
    events = tuple(each for each in RISE_AND_FALL if each.payload.get("action") != left_out)

    with pytest.raises(ExpectationFailed, match="rises to slow_down"):
        pace_proofs.prove_pressure_rose_and_fell(run(events))


Facts = Mapping[str, object]

SPEECH = (0.2 * np.sin(np.arange(1000))).astype(np.float32)
DUBBED: Facts = {"outcome": "dubbed", "reason": None}


def fragment(number: int, **changes: object) -> SimpleNamespace:
    """What came back for one that was answered in full."""
    facts: dict[str, object] = {
        "sequence_number": number,
        "status": "success",
        "error": None,
        "result_count": 1,
        "transcript": "one",
        "translated_text": "uno",
        "source_audio": SPEECH,
        "dubbed_audio": SPEECH,
        "rate_hz": 500,
    }
    return SimpleNamespace(**facts | changes)


def pressed(first: Facts, last: Facts, *answers: SimpleNamespace) -> PipelineRun:
    """A run of two segments and what remained: the clip speaks in the two."""
    shown = SimpleNamespace(
        segments=[{"number": 0, **first}, {"number": 1, **DUBBED}, {"number": 2, **last}],
        fragments=answers,
        folder=Path("/made"),
    )
    return cast("PipelineRun", shown)


TAIL: Facts = {"outcome": "original", "reason": "tail"}
WHOLE = (fragment(0), fragment(1))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    """What need not be dubbed in the output, as the proof asked for that."""
    asked: list[set[int]] = []
    monkeypatch.setattr(pace_proofs, "spoken_segments", lambda _run: {0, 1})
    monkeypatch.setattr(
        pace_proofs, "prove_dubbed", lambda _run, wordless: asked.append(set(wordless))
    )
    return asked


def test_under_pressure_all_that_is_said_is_dubbed(heard: list[set[int]]) -> None:
    silent = fragment(2, transcript="", translated_text="")

    pace_proofs.prove_pressure_cost_nothing(pressed(DUBBED, TAIL, *WHOLE))
    pace_proofs.prove_pressure_cost_nothing(
        pressed(DUBBED, {**TAIL, "reason": "no_speech"}, *WHOLE, silent)
    )

    assert heard == [set(), {2}]


@pytest.mark.parametrize(
    "reason", ["timeout", "sts_failed", "no_speech", "circuit_open", "a new word", None]
)
def test_a_dub_lost_to_the_waiting_is_refused(reason: str | None, heard: list[set[int]]) -> None:
    with pytest.raises(ExpectationFailed, match="segment 0: reported"):
        pace_proofs.prove_pressure_cost_nothing(
            pressed({"outcome": "original", "reason": reason}, TAIL, *WHOLE)
        )
    assert not heard


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({"dubbed_audio": 0 * SPEECH}, "silence"),
        ({"dubbed_audio": None}, "no dubbed_audio"),
        ({"status": "failed"}, "status failed"),
        ({"result_count": 2}, "2 results"),
        ({"transcript": ""}, "transcript, translation"),
        ({"translated_text": None}, "transcript, translation"),
        ({"sequence_number": 7}, "0 fragments"),
    ],
)
def test_an_answer_that_is_not_whole_is_refused(
    answer: dict[str, object], complaint: str, heard: list[set[int]]
) -> None:
    with pytest.raises(ExpectationFailed, match=complaint):
        pace_proofs.prove_pressure_cost_nothing(
            pressed(DUBBED, TAIL, fragment(0, **answer), fragment(1))
        )
    assert not heard


def test_what_has_no_words_is_not_held_back_for_that(heard: list[set[int]]) -> None:
    with pytest.raises(ExpectationFailed, match="segment 2: timeout, where nothing is said"):
        pace_proofs.prove_pressure_cost_nothing(
            pressed(DUBBED, {**TAIL, "reason": "timeout"}, *WHOLE)
        )


def test_where_the_clip_speaks_its_description_says(monkeypatch: pytest.MonkeyPatch) -> None:
    missed_s = 0.0
    monkeypatch.setattr(examination, "missed_until_s", lambda _run: missed_s)
    two_seconds = fragment(0, source_audio=np.ones(1000, np.float32))
    clip = SimpleNamespace(clip=CLIPS[0].path, fragments=(two_seconds,))
    run = cast("PipelineRun", clip)

    assert spoken.spoken_segments(run) == set(range(15))
    missed_s = 1.5
    assert spoken.spoken_segments(run) == set(range(1, 15))
    missed_s = 9.0  # more than a join can miss
    assert spoken.spoken_segments(run) == set(range(1, 15))
    clip.fragments = ()
    assert spoken.spoken_segments(run) == set()
