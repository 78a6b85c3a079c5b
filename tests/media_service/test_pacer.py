import threading
import time

import pytest

from media_service.worker.pacer import Pacer, Stall


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def now(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pacer(clock: Clock) -> Pacer:
    pacer = Pacer(clock.sleep, clock.now)
    pacer.start(0.0, lead_s=0.2)
    return pacer


def test_positions_go_out_on_time(pacer: Pacer, clock: Clock) -> None:
    for position_s in (0.0, 0.5, 0.52, 3.0):
        pacer.wait(position_s)
        assert clock.now_s == pytest.approx(100.2 + position_s, abs=0.004)


def test_absent_media_moves_the_clock_and_skips_nothing(pacer: Pacer, clock: Clock) -> None:
    pacer.wait(1.0)
    clock.now_s += 2.0
    assert pacer.resume(1.5, waited_s=1.8) == Stall(position_s=1.5, duration_s=1.5)
    sent_at = clock.now_s
    pacer.wait(2.5)
    assert clock.now_s == pytest.approx(sent_at + 1.0)


def test_lateness_of_a_busy_machine_is_caught_up(pacer: Pacer, clock: Clock) -> None:
    pacer.wait(1.0)
    clock.now_s += 1.5
    assert pacer.resume(1.5, waited_s=0.05) is None
    pacer.wait(1.5)
    assert clock.now_s == pytest.approx(102.7)
    pacer.wait(3.0)
    assert clock.now_s == pytest.approx(103.2)


def test_a_rush_wakes_whoever_waits() -> None:
    pacer = Pacer()
    pacer.start(0.0, lead_s=60.0)
    threading.Timer(0.05, pacer.rush).start()
    began_at = time.monotonic()
    pacer.wait(0.0)
    pacer.wait(100.0)
    assert time.monotonic() - began_at < 5
    assert pacer.resume(0.0, waited_s=60.0) is None


def test_a_clock_that_was_not_started_says_so(clock: Clock) -> None:
    with pytest.raises(RuntimeError, match="started"):
        Pacer(clock.sleep, clock.now).wait(0.0)
