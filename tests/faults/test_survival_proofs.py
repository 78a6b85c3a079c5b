"""The proofs about streams that outlive a fault: each fails on what is not so."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from environment.expectations import ExpectationFailed
from environment.measuring.account import Fate
from environment.proofs.service_log import parse_log
from environment.proofs.survival_proofs import (
    prove_fates,
    prove_none_waited,
    prove_numbers_whole,
    prove_reconnections_logged,
    prove_reconnects_counted,
    prove_resumed_with_next,
    prove_told_as_heard,
)

BEGAN = 1_800_000_000.0
NONE_YET = {("media_service_sts_reconnect_attempts_total", frozenset({("kind", "backoff")})): 0.0}


def line(at_s: float, event: str, **fields: object) -> str:
    time = datetime.fromtimestamp(BEGAN + at_s, UTC).isoformat()
    return json.dumps({"time": time, "event": event, **fields})


class Service:
    def __init__(self, *lines: str, counted: float = 9.0) -> None:
        self.lines, self.counted = lines, counted

    def logs(self, since: float) -> str:
        return "\n".join(["Traceback (most recent call last):", *self.lines])

    def metric(self, name: str, **_labels: str) -> float:
        return self.counted


def attempts(*waits: tuple[float, float]) -> list[str]:
    return [
        line(at_s, "sts_reconnecting", attempt=number, delay_s=delay_s)
        for number, (at_s, delay_s) in enumerate(waits, 1)
    ]


def stack(*lines: str, counted: float = 9.0) -> Any:
    return SimpleNamespace(media_service=Service(*lines, counted=counted))


def test_log_lines_are_read_and_others_passed_over() -> None:
    found = parse_log('nothing\n{"a": 1}\n[1]\n' + line(1.0, "x", n=2))
    assert [(each.at, each.event, each.fields["n"]) for each in found] == [(BEGAN + 1, "x", 2)]


def test_doubling_waits_are_taken() -> None:
    told = attempts((0, 2), (2.01, 4), (6.1, 8))
    assert len(prove_reconnections_logged(stack(*told), 2.0, 3, NONE_YET, since=BEGAN)) == 3


@pytest.mark.parametrize(
    ("waits", "counted"),
    [
        ([(0, 2)], 9),  # too few
        ([(0, 2), (2.1, 2)], 9),  # not twice as long
        ([(0, 2), (0.5, 4)], 9),  # announced, but not waited
        ([(0, 1), (1.1, 2)], 9),  # another base
        ([(0, 2), (2.1, 4)], 0),  # not counted
    ],
)
def test_other_waits_are_noticed(waits: list[tuple[float, float]], counted: float) -> None:
    with pytest.raises(ExpectationFailed):
        prove_reconnections_logged(
            stack(*attempts(*waits), counted=counted), 2.0, 2, NONE_YET, since=BEGAN
        )


def test_attempts_that_were_counted_before_do_not_count() -> None:
    before = dict.fromkeys(NONE_YET, 9.0)
    told = attempts((0, 2), (2.1, 4))
    with pytest.raises(ExpectationFailed, match="attempts counted"):
        prove_reconnections_logged(stack(*told), 2.0, 2, before, since=BEGAN)


def test_reconnects_are_counted() -> None:
    prove_reconnects_counted(stack(counted=3), 3)
    with pytest.raises(ExpectationFailed):
        prove_reconnects_counted(stack(counted=2), 3)


def aftermath(heard: Mapping[int, str | Fate], **outcomes: Any) -> Any:
    fates = {
        number: word if isinstance(word, Fate) else Fate(number, word, 6.0 * number, 3.0, 0.99)  # type: ignore[arg-type]
        for number, word in heard.items()
    }
    segments = [
        {
            "number": number,
            "outcome": outcomes.get(f"s{number}", fate.heard),
            "reason": None,
            "cut_at": 6.0 * (number + 1),
            "released_at": 6.0 * (number + 1) + 1,
            "duration_s": 6.0,
        }
        for number, fate in fates.items()
    ]
    seen = frozenset(range(9))
    return SimpleNamespace(
        fates=fates,
        segments=segments,
        folder=Path("kept"),
        seen_dubs=seen,
        output_bytes=[(7.0 + tenth / 10, 10 * tenth) for tenth in range(300)],
    )


def without_sts() -> Any:
    """Cut at 6, 12, 18 and 24 s, out a second later each; STS is gone at 8 s, noticed at 10 s."""
    return aftermath({0: "dubbed", 1: "original", 2: "original", 3: "original"})


def test_nothing_waits_for_an_sts_that_is_away() -> None:
    prove_none_waited(without_sts(), gone_at=8, noticed_at=10)
    held = without_sts()
    # What is with STS goes out when that is known to be away; the rest is as late as that.
    for segment, out_at in zip(held.segments[1:], (14.5, 20.5, 26.5), strict=True):
        segment["released_at"] = out_at
    prove_none_waited(held, gone_at=8, noticed_at=13)


def held_25_s(left: Any) -> None:
    for segment in left.segments[1:]:
        segment["released_at"] = segment["cut_at"] + 25
        segment["reason"] = "sts_unavailable"


def timed_out(left: Any) -> None:
    left.segments[2]["reason"] = "timeout"


def never_out(left: Any) -> None:
    left.segments[3]["released_at"] = None


def silent(left: Any) -> None:
    left.output_bytes = [(at, 800 if 15 < at < 20 else count) for at, count in left.output_bytes]


def silent_from_then_on(left: Any) -> None:
    left.output_bytes = [(at, min(count, 20)) for at, count in left.output_bytes]


def silent_till_later(left: Any) -> None:
    left.output_bytes = [(at, 20 if 9 < at < 13 else count) for at, count in left.output_bytes]


@pytest.mark.parametrize(
    "wrong", [held_25_s, timed_out, never_out, silent, silent_from_then_on, silent_till_later]
)
def test_who_waits_for_an_sts_that_is_away_is_found_out(wrong: Callable[[Any], None]) -> None:
    left = without_sts()
    wrong(left)
    with pytest.raises(ExpectationFailed, match="away"):
        prove_none_waited(left, gone_at=8, noticed_at=10)


def test_where_nothing_was_left_to_go_out_nothing_is_proven() -> None:
    with pytest.raises(ExpectationFailed, match="away"):
        prove_none_waited(without_sts(), gone_at=30, noticed_at=31)


def test_fates_as_they_should_be() -> None:
    prove_fates(aftermath({0: "dubbed", 1: "original"}), dubbed=[0], original=[1])
    prove_told_as_heard(aftermath({0: "dubbed", 1: "original"}))


@pytest.mark.parametrize(
    "heard",
    [
        {0: "dubbed"},
        {0: "dubbed", 1: "dubbed"},
        {0: "dubbed", 1: "absent"},
        {0: "dubbed", 1: "other"},
        {0: "dubbed", 1: Fate(1, "original", 6.0, 130.0, 0.99)},
        {0: Fate(0, "dubbed", 0.0), 1: "original"},
        {0: Fate(0, "dubbed", 0.0, -121.0, 0.99), 1: "original"},
    ],
)
def test_other_fates_are_noticed(heard: dict[int, str | Fate]) -> None:
    with pytest.raises(ExpectationFailed, match="each within 120 ms"):
        prove_fates(aftermath(heard), dubbed=[0], original=[1])


def test_nothing_to_prove_proves_nothing() -> None:
    with pytest.raises(ExpectationFailed):
        prove_fates(aftermath({0: "dubbed"}))


def test_a_report_that_says_other_than_what_is_heard_is_noticed() -> None:
    with pytest.raises(ExpectationFailed, match="reported dubbed"):
        prove_told_as_heard(aftermath({0: "original"}, s0="dubbed"))


def test_missing_numbers_and_segments_without_an_end_are_noticed() -> None:
    prove_numbers_whole(aftermath({0: "dubbed", 1: "original"}))
    for broken in (
        aftermath({0: "dubbed", 2: "dubbed"}),
        aftermath({1: "dubbed"}),
        aftermath({0: "dubbed"}, s0="pending"),
    ):
        with pytest.raises(ExpectationFailed):
            prove_numbers_whole(broken)


def test_resumption_is_with_the_very_next_segment() -> None:
    heard = {0: "dubbed", 1: "original", 2: "original", 3: "dubbed"}
    # Cut at 6, 12, 18, 24 s: gone from 8 s, back at 20 s.
    prove_resumed_with_next(aftermath(heard), gone_at=8, back_at=20)
    late = {**heard, 3: "original", 4: "dubbed"}
    with pytest.raises(ExpectationFailed, match="segment 3: expected dubbed"):
        prove_resumed_with_next(aftermath(late), gone_at=8, back_at=20)
    # Nothing was cut since: it is not known with what it resumed.
    with pytest.raises(ExpectationFailed, match="after STS was back"):
        prove_resumed_with_next(aftermath(heard), gone_at=8, back_at=24)
    never_away = dict.fromkeys(range(4), "dubbed")
    with pytest.raises(ExpectationFailed, match="while STS was away"):
        prove_resumed_with_next(aftermath(never_away), gone_at=8, back_at=20)
