"""The circuit breaker on a clock of its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media_service.sts_breaker import CircuitBreaker, CircuitState


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def breaker(clock: Clock, *, timeouts: int = 3) -> tuple[CircuitBreaker, list[CircuitState]]:
    told: list[CircuitState] = []
    made = CircuitBreaker(timeouts=timeouts, open_s=30.0, changed=told.append, clock=clock)
    return made, told


def opened(clock: Clock) -> tuple[CircuitBreaker, list[CircuitState]]:
    made, told = breaker(clock)
    for number in range(3):
        made.timed_out(number)
    return made, told


def test_it_opens_after_so_many_in_a_row_and_no_sooner() -> None:
    made, told = breaker(Clock())
    made.timed_out(0)
    made.timed_out(1)
    made.answered()
    made.timed_out(2)
    made.timed_out(3)
    assert (made.state, made.admits(4)) == ("closed", True)
    made.timed_out(4)
    assert (made.state, made.admits(5)) == ("open", False)
    assert told == ["open"]


def test_one_fragment_is_tried_after_the_pause_and_its_answer_closes() -> None:
    clock = Clock()
    made, told = opened(clock)
    clock.now = 29.9
    assert not made.admits(3)
    clock.now = 30.0
    assert [made.admits(number) for number in (4, 5, 4)] == [True, False, True]
    assert made.state == "half_open"
    made.answered()
    assert made.admits(6)
    assert told == ["open", "half_open", "closed"]


def test_a_probe_that_times_out_opens_it_for_another_pause() -> None:
    clock = Clock()
    made, told = opened(clock)
    clock.now = 30.0
    assert made.admits(4)
    clock.now = 60.0
    made.timed_out(4)
    assert not made.admits(5)
    clock.now = 90.0
    assert made.admits(6)
    assert told == ["open", "half_open", "open", "half_open"]


def test_what_was_under_way_when_it_opened_neither_prolongs_nor_reopens() -> None:
    clock = Clock()
    made, _ = opened(clock)
    clock.now = 29.0
    made.timed_out(3)
    clock.now = 30.0
    assert made.admits(4)
    made.timed_out(2)
    assert made.state == "half_open"
    assert made.admits(4)


def test_a_probe_that_told_nothing_is_followed_by_the_next_fragment() -> None:
    clock = Clock()
    made, _ = opened(clock)
    clock.now = 30.0
    assert made.admits(4)
    made.withdrawn(4)
    assert made.state == "open"
    assert made.admits(5)


@given(st.lists(st.tuples(st.sampled_from("ntaw"), st.integers(0, 5), st.floats(0, 40))))
def test_it_never_lets_two_probes_out_and_never_stays_open_for_good(
    steps: list[tuple[str, int, float]],
) -> None:
    clock = Clock()
    made, _ = breaker(clock)
    for kind, fragment, pause_s in steps:
        clock.now += pause_s
        if kind == "n":
            admitted = [number for number in range(6) if made.admits(number)]
            assert made.state == "closed" or len(admitted) <= 1
        elif kind == "t":
            made.timed_out(fragment)
        elif kind == "a":
            made.answered()
            assert made.admits(fragment)
        else:
            made.withdrawn(fragment)
    clock.now += 30.0
    # Whoever has the probe, or the next that asks, is let through.
    assert any(made.admits(number) for number in range(6))
