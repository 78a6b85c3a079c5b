"""The proofs about a stream behind a restart: each fails on what is not so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from environment.expectations import ExpectationFailed
from environment.measuring.account import Fate, Part
from environment.measuring.sendings import Sending
from environment.proofs.aftermath import Aftermath
from environment.proofs.restart_proofs import (
    prove_all_out,
    prove_clock_goes_on,
    prove_gap_reported,
    prove_interrupted_once,
    prove_nothing_held_back,
    prove_resumed_at_boundary,
    prove_same_stream,
    prove_went_on,
)

SAID = {"reason": "service_restarted", "number": 2, "output_gap_s": 0.5}


def aftermath(
    *spans: tuple[float, float], gaps_s: tuple[float, ...] = (0.5,), source_end_s: float = 24.0
) -> Any:
    """Segments by where they begin and how long they are; output pieces by their gaps."""
    parts = [Part(number, start_s, long_s) for number, (start_s, long_s) in enumerate(spans)]
    return SimpleNamespace(
        parts=parts,
        report={"stream_id": "s", "interruptions": [SAID]},
        fates={part.number: Fate(part.number, "dubbed", part.start_s, 2.0, 0.9) for part in parts},
        segments=[{"number": part.number, "outcome": "dubbed", "reason": None} for part in parts],
        folder=Path("kept"),
        outputs=(),
        lost_pictures=(),
        stretches=(),
        sent=(),
        wordless=frozenset(),
        output=SimpleNamespace(
            gaps_s=gaps_s, pieces=[SimpleNamespace(monotonic=True)] * (len(gaps_s) + 1)
        ),
        source=SimpleNamespace(pieces=[SimpleNamespace(end_s=source_end_s)]),
    )


GOOD = ((0.0, 6.0), (6.0, 2.5), (10.5, 6.0), (16.5, 6.0), (22.5, 1.5))


def test_a_stream_that_goes_on_as_it_should() -> None:
    told = aftermath(*GOOD)
    prove_same_stream(told, ["s"], "s")
    said = prove_interrupted_once(told, ["service_restarted"])
    prove_resumed_at_boundary(told, said, 1.5, 6.0)
    prove_all_out(told)
    prove_clock_goes_on(told, 1.5)
    prove_gap_reported(told, said)
    prove_nothing_held_back(told)


@pytest.mark.parametrize(
    "spans",
    [
        ((0.0, 6.0), (6.0, 2.5), (12.5, 6.0), (18.5, 6.0)),  # 4 s missing, away for 1.5
        ((0.0, 6.0), (6.0, 2.5), (8.0, 6.0), (14.0, 6.0)),  # half a second twice
        ((0.0, 6.0), (6.0, 2.5), (10.5, 6.0), (18.5, 6.0)),  # another hole
        ((0.0, 4.0), (4.0, 4.5), (10.5, 6.0), (16.5, 6.0)),  # short before the break
        ((0.0, 6.0), (6.0, 2.5)),  # nothing behind it
    ],
)
def test_a_resumption_elsewhere_is_noticed(spans: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ExpectationFailed):
        prove_resumed_at_boundary(aftermath(*spans), SAID, 1.5, 6.0)


def test_what_is_lost_decides_how_many_pieces_there_are() -> None:
    prove_went_on(aftermath(*GOOD), "service_restarted", 1.5, 6.0)
    lost = aftermath(*GOOD, gaps_s=())
    lost.report["interruptions"] = [{**SAID, "reason": "input_lost"}]
    prove_went_on(lost, "input_lost", 1.5, 6.0)
    lost.output.pieces *= 2
    with pytest.raises(ExpectationFailed):
        prove_went_on(lost, "input_lost", 1.5, 6.0)


def test_another_stream_or_reason_is_noticed() -> None:
    told = aftermath(*GOOD)
    with pytest.raises(ExpectationFailed):
        prove_same_stream(told, ["s", "t"], "s")
    with pytest.raises(ExpectationFailed):
        prove_interrupted_once(told, ["worker_died"])
    told.report["interruptions"] = [SAID, SAID]
    with pytest.raises(ExpectationFailed):
        prove_interrupted_once(told, ["service_restarted"])
    told.report["interruptions"] = []
    with pytest.raises(ExpectationFailed):
        prove_interrupted_once(told, ["service_restarted"])


@pytest.mark.parametrize("gaps_s", [(2.6,), (-0.5,), ()])
def test_a_clock_that_does_not_go_on_is_noticed(gaps_s: tuple[float, ...]) -> None:
    with pytest.raises(ExpectationFailed):
        prove_clock_goes_on(aftermath(*GOOD, gaps_s=gaps_s), 1.5)


def test_a_gap_that_is_told_wrong_is_noticed() -> None:
    for told in (None, 1.0):
        with pytest.raises(ExpectationFailed):
            prove_gap_reported(aftermath(*GOOD), {**SAID, "output_gap_s": told})


def test_a_segment_that_never_came_out_is_noticed() -> None:
    for fate in (Fate(1, "absent"), Fate(1, "dubbed", 6.0, 150.0, 0.9)):
        told = aftermath(*GOOD)
        told.fates[1] = fate
        with pytest.raises(ExpectationFailed):
            prove_all_out(told)


def test_what_was_in_hand_and_is_not_dubbed_is_noticed() -> None:
    told = aftermath(*GOOD)
    told.fates[1] = Fate(1, "original", 6.0, 2.0, 0.9)
    told.segments[1]["outcome"] = "original"
    with pytest.raises(ExpectationFailed, match="every segment dubbed"):
        prove_all_out(told)
    told.wordless = frozenset({1})
    prove_all_out(told)


def test_a_segment_that_was_sent_with_another_sound_is_noticed() -> None:
    for sending in (Sending(1, None, 0.1), Sending(1, 3000.0, 0.9), Sending(1, -6.0, 0.9)):
        told = aftermath(*GOOD)
        told.sent = (Sending(0, 0.1, 1.0), sending)
        with pytest.raises(ExpectationFailed, match="the source's sound of its segment"):
            prove_all_out(told)


def test_a_dub_that_is_that_of_the_segment_before_is_noticed() -> None:
    told = aftermath(*GOOD)
    dub = np.sin(np.arange(48_000) / 20).astype(np.float32)
    told.parts[0], told.parts[1] = (replace(part, dub=dub) for part in told.parts[:2])
    with pytest.raises(ExpectationFailed, match="another dub for each segment"):
        prove_all_out(told)


def test_what_was_held_back_is_noticed() -> None:
    with pytest.raises(ExpectationFailed):
        prove_nothing_held_back(aftermath(*GOOD, source_end_s=26.0))


def test_segments_belong_to_their_publication() -> None:
    kept = [{"number": n, "reason": None} for n in range(5)]
    report = {
        "segments": kept,
        "interruptions": [
            {"reason": "service_restarted", "number": 1},
            {"reason": "media_server_lost", "number": 3},
        ],
    }
    told = Aftermath(report, {}, (), (), Path("kept"), 0.0)
    by_publication = [[s["number"] for s in group] for group in told._by_publication()]
    assert by_publication == [[0, 1, 2], [3, 4]]
