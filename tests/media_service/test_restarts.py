"""How many workers a stream uses up before it has failed."""

from __future__ import annotations

import pytest

from media_service.restarts import MAX_DEATHS, MAX_RESTARTS, WINDOW_SEGMENTS, Restarts
from media_service.worker_end import End

DIED = End(False, "worker_died", "the worker process died, exit code 1", True, fruitful=True)
IN_ORDER = End(ok=True, fruitful=True)
MANY = 40


def workers_until_enough(end: End, *, segments_each: float, excused: bool = False) -> int | None:
    """Return how many workers there were, each of which ended so; None for no end of it."""
    restarts = Restarts()
    for worker in range(1, MANY + 1):
        released_to = int(segments_each * worker) - 1
        restarts.count(end, released_to=released_to, excused=excused)
        if restarts.enough(end) is not None:
            return worker
    return None


@pytest.mark.parametrize(
    ("segments_each", "workers"),
    [
        (0, MAX_RESTARTS + 1),
        # The same segment again and again, of which each sends a little, and dies.
        (1 / MANY, MAX_RESTARTS + 1),
        (1, MAX_DEATHS + 1),
        (WINDOW_SEGMENTS / (MAX_DEATHS - 1), None),
    ],
)
def test_workers_that_die_get_a_stream_only_so_far(
    segments_each: float, workers: int | None
) -> None:
    assert workers_until_enough(DIED, segments_each=segments_each) == workers


def test_why_there_is_no_other_worker_is_said() -> None:
    restarts = Restarts()
    for number in range(MAX_DEATHS + 1):
        assert restarts.enough(DIED) is None
        restarts.count(DIED, released_to=number, excused=False)
    end = restarts.enough(DIED)
    assert end is not None
    assert (end.ok, end.reason) == (False, "worker_died")
    assert end.message.startswith("the worker process died, exit code 1: 6 workers ended within 10")


def test_an_output_that_is_refused_again_and_again_says_so() -> None:
    refused = End(False, "output_failed", "cannot publish to rtmp://a", True)
    restarts = Restarts(released_to=7)
    for _ in range(MAX_RESTARTS + 1):
        assert restarts.enough(refused) is None
        restarts.count(refused, released_to=7, excused=False)
    end = restarts.enough(refused)
    assert end is not None
    assert end.reason == "output_refused"
    assert "4 workers could not publish" in end.message


@pytest.mark.parametrize(
    ("end", "excused"),
    [
        (IN_ORDER, False),
        (DIED, True),
        (End(False, "timestamp_jump", "by +20 s", True, fruitful=True), False),
    ],
)
def test_what_is_no_fault_of_a_worker_s_is_not_counted(end: End, excused: bool) -> None:
    assert workers_until_enough(end, segments_each=1, excused=excused) is None


def test_a_death_that_lies_far_behind_is_forgiven() -> None:
    restarts = Restarts()
    for number in range(MAX_DEATHS):
        restarts.count(DIED, released_to=number, excused=False)
    for number in range(MAX_DEATHS):
        later = 2 * WINDOW_SEGMENTS + number
        restarts.count(DIED, released_to=later, excused=False)
        assert restarts.enough(DIED) is None
