"""The proofs about the way back to STS: each fails on attempts that come too soon, or too many."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from environment.errors import WaitTimeout
from environment.expectations import ExpectationFailed
from environment.proofs.backoff_proofs import (
    prove_backed_off,
    prove_knocked_only_then,
    prove_not_again_so_soon,
    wait_first_probe,
)

BEGAN = 1_800_000_000.0
ATTEMPTS = "media_service_sts_reconnect_attempts_total"
NONE_YET = {(ATTEMPTS, frozenset[tuple[str, str]]()): 0.0}


def line(at_s: float, event: str, **fields: object) -> str:
    time = datetime.fromtimestamp(BEGAN + at_s, UTC).isoformat()
    return json.dumps({"time": time, "event": event, **fields})


def stack(*lines: str, backoff: float = 3, probe: float = 1) -> Any:
    counted = {"backoff": backoff, "probe": probe}
    service = SimpleNamespace(
        logs=lambda **_since: "\n".join(lines),
        metrics=lambda: {(ATTEMPTS, frozenset({("kind", k)})): n for k, n in counted.items()},
    )
    return SimpleNamespace(media_service=service, settings=SimpleNamespace(timeout=float))


def backoff(*waits: tuple[float, float], given_up_s: float | None) -> Any:
    lines = [line(at_s, "sts_reconnecting", delay_s=delay_s) for at_s, delay_s in waits]
    if given_up_s is not None:
        lines.append(line(given_up_s, "sts_given_up"))
    return stack(*lines)


def test_the_waits_of_the_text_are_taken() -> None:
    told = backoff((0, 2), (2.1, 4), (7, 8), given_up_s=15.1)
    prove_backed_off(told, (2.0, 4.0, 8.0), since=BEGAN, slack_s=1)


@pytest.mark.parametrize(
    "told",
    [
        backoff((0, 2), (2.1, 4), given_up_s=6.2),  # one too few
        backoff((0, 2), (2.1, 4), (6.2, 8), given_up_s=None),  # never given up
        backoff((0, 2), (2.1, 4), (6.2, 8), given_up_s=7),  # announced, not waited
        backoff((0, 2), (2.1, 4), (9.2, 8), given_up_s=17.3),  # much longer than announced
        backoff((0, 2), (2.1, 4), (6.2, 9), given_up_s=15.3),  # another wait
    ],
)
def test_other_waits_are_noticed(told: Any) -> None:
    with pytest.raises(ExpectationFailed):
        prove_backed_off(told, (2.0, 4.0, 8.0), since=BEGAN, slack_s=1)


WAITS = ((0, 2), (2.1, 4), (6.2, 8))


def given_up(*pauses_at_s: float, again: float | None = None, **counted: float) -> Any:
    lines = [line(at_s, "sts_reconnecting", delay_s=delay_s) for at_s, delay_s in WAITS]
    lines.append(line(14.3, "sts_given_up"))
    lines += [line(at_s, "sts_probing", delay_s=8) for at_s in pauses_at_s]
    if again is not None:
        lines.append(line(again, "sts_reconnecting", delay_s=2))
    return stack(*lines, **counted)


def not_again(told: Any) -> None:
    prove_not_again_so_soon(told, 3, NONE_YET, since=BEGAN, pause_s=8)


def test_a_peer_that_was_given_up_is_asked_again_after_a_pause() -> None:
    not_again(given_up(14.3, 22.4))
    not_again(given_up(14.3, 22.4, 31.0, probe=2))


@pytest.mark.parametrize(
    "told",
    [
        given_up(14.3),  # nobody has waited to see
        given_up(14.3, 16.4),  # much sooner
        given_up(14.3, 22.4, 24.0, probe=2),  # the next one much sooner
        given_up(14.3, 22.4, again=15.0),  # it began anew
        given_up(14.3, 22.4, probe=5),  # more attempts than it tells
        given_up(14.3, 22.4, backoff=4),
        stack(line(14.3, "sts_probing"), line(22.4, "sts_probing")),  # never given up
    ],
)
def test_one_that_is_asked_again_too_soon_is_noticed(told: Any) -> None:
    with pytest.raises(ExpectationFailed):
        not_again(told)


def test_the_first_pause_has_to_be_over() -> None:
    wait_first_probe(given_up(14.3, 22.4), since=BEGAN, timeout_s=0)
    with pytest.raises(WaitTimeout, match="1 pauses begun"):
        wait_first_probe(given_up(14.3), since=BEGAN, timeout_s=0)


def knocked(*after_s: float) -> None:
    came_at = [BEGAN, *(BEGAN + at_s for at_s in after_s)]
    prove_knocked_only_then(came_at, (2.0, 4.0, 8.0), slack_s=1, pause_s=8)


def test_whoever_comes_after_the_waits_alone_is_accepted() -> None:
    knocked(2.5, 6.6, 14.7, 30.7)
    knocked(2, 6.2, 14.2, 30.2, 46.2)


@pytest.mark.parametrize(
    "after_s",
    [
        (),
        (2, 6, 14),  # never again
        (2, 6, 30),  # one too few
        (1, 2, 6, 14, 30),  # one too many, before
        (2, 3, 4, 5, 6, 14, 30),  # every second, beside
        (2, 6, 14, 15, 30),  # one too many, after
        (2, 6, 18, 34),  # later than claimed
        (3.5, 7.5, 15.5, 31.5),  # the first one later than claimed
    ],
)
def test_whoever_comes_at_other_times_is_noticed(after_s: tuple[float, ...]) -> None:
    with pytest.raises(ExpectationFailed, match="a connection at once"):
        knocked(*after_s)
