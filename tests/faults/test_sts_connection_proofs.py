"""The proofs about the way to STS: each fails on what is not so."""

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
from environment.proofs.sts_connection_proofs import (
    prove_circuit_closed_again,
    prove_circuit_opened,
    prove_session_goes_on,
)

BEGAN = 1_800_000_000.0
OPENED = "media_service_circuit_opened_total"
REASONS = ("dubbed", "timeout", "timeout", "circuit_open", "circuit_open", "dubbed", "dubbed")


def line(at_s: float, event: str, **fields: object) -> str:
    time = datetime.fromtimestamp(BEGAN + at_s, UTC).isoformat()
    return json.dumps({"time": time, "event": event, **fields})


class Service:
    def __init__(self, *lines: str, counted: float = 1.0) -> None:
        self.lines, self.counted = lines, counted

    def logs(self, since: float) -> str:
        return "\n".join(self.lines)

    def metric(self, _name: str) -> float:
        return self.counted


def aftermath(reasons: tuple[str, ...] = REASONS, **changes: Any) -> Any:
    segments: list[dict[str, Any]] = [
        {
            "number": number,
            "outcome": "dubbed" if reason == "dubbed" else "original",
            "reason": None if reason == "dubbed" else reason,
            "cut_at": BEGAN + 6.0 * (number + 1),
        }
        for number, reason in enumerate(reasons)
    ]
    heard = changes.pop("heard", {})
    given: Mapping[str, Any] = {
        "segments": segments,
        "fragments": {n: None for n, reason in enumerate(reasons) if reason != "circuit_open"},
        "fates": {
            s["number"]: Fate(
                s["number"], heard.get(s["number"], s["outcome"]), 6.0 * s["number"], 3.0, 0.99
            )
            for s in segments
        },
        "report": {"sts": {"session_id": "one", "resumed": 1, "circuit": "closed"}},
        "folder": Path("kept"),
        **changes,
    }
    return SimpleNamespace(**given)


def given_up(waited_s: float = 0.01) -> list[str]:
    return [
        line(6.0 * (number + 1) + waited_s, "fragment_not_dubbed", number=number)
        for number, reason in enumerate(REASONS)
        if reason == "circuit_open"
    ]


def stack(*lines: str, theirs: tuple[str, ...] = (), counted: float = 1.0) -> Any:
    return SimpleNamespace(
        media_service=Service(*lines, counted=counted), sts_service=Service(*theirs)
    )


def test_a_circuit_that_opened_and_held_nobody_up() -> None:
    prove_circuit_opened(stack(*given_up()), aftermath(), 2, since=BEGAN)


@pytest.mark.parametrize(
    ("told", "left"),
    [
        (stack(*given_up()), aftermath(("dubbed",) * 6)),
        (stack(*given_up()), aftermath(("dubbed", "timeout", "dubbed", "circuit_open"))),
        (stack(*given_up()), aftermath(fragments={0: None, 3: None})),
        (stack(*given_up(2.0)), aftermath()),
        (stack(), aftermath()),
    ],
    ids=["never opened", "one time-out only", "sent all the same", "waited", "not logged"],
)
def test_a_circuit_that_did_not_is_noticed(told: Any, left: Any) -> None:
    with pytest.raises(ExpectationFailed):
        prove_circuit_opened(told, left, 2, since=BEGAN)


def states(*words: str) -> list[str]:
    return [line(number, f"sts_circuit_{word}") for number, word in enumerate(words)]


def test_a_circuit_that_closed_again() -> None:
    told = stack(*states("open", "half_open", "closed"))
    prove_circuit_closed_again(told, aftermath(), {(OPENED, frozenset()): 0.0}, since=BEGAN)


@pytest.mark.parametrize(
    ("told", "left"),
    [
        (stack(*states("open")), aftermath()),
        (stack(*states("open", "closed")), aftermath()),
        (stack(*states("open", "half_open", "open", "half_open", "closed")), aftermath()),
        (stack(*states("open", "half_open", "closed"), counted=2.0), aftermath()),
        (stack(*states("open", "half_open", "closed")), aftermath(heard={6: "original"})),
    ],
    ids=["open still", "no probe", "opened twice", "counted twice", "not dubbed since"],
)
def test_a_circuit_that_did_not_close_is_noticed(told: Any, left: Any) -> None:
    with pytest.raises(ExpectationFailed):
        prove_circuit_closed_again(told, left, {(OPENED, frozenset()): 0.0}, since=BEGAN)


BEFORE = {"session_id": "one", "resumed": 0}


def sessions(ours: str | None = "one", theirs: str | None = "one", *, resumed: bool = True) -> Any:
    told = [] if ours is None else [line(1, "sts_stream_ready", session_id=ours, resumed=resumed)]
    heard = [] if theirs is None else [line(1, "stream_resumed", session_id=theirs)]
    heard = [each.replace('"time"', '"timestamp"') for each in heard]
    return stack(*told, theirs=tuple(heard))


def test_a_session_that_went_on() -> None:
    prove_session_goes_on(sessions(), BEFORE, aftermath(), since=BEGAN)


@pytest.mark.parametrize(
    "told",
    [
        lambda: sessions("two", "two"),
        lambda: sessions(None, "one"),
        lambda: sessions("one", None),
        lambda: sessions(resumed=False),
    ],
    ids=["another", "not told by us", "not told by them", "begun anew"],
)
def test_a_session_that_did_not_is_noticed(told: Callable[[], Any]) -> None:
    with pytest.raises(ExpectationFailed):
        prove_session_goes_on(told(), BEFORE, aftermath(), since=BEGAN)


def test_a_session_of_another_stream_is_none() -> None:
    anew = aftermath(report={"sts": {"session_id": "two", "resumed": 0, "circuit": "closed"}})
    with pytest.raises(ExpectationFailed):
        prove_session_goes_on(sessions(), BEFORE, anew, since=BEGAN)
