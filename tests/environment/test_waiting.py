from __future__ import annotations

import time

import pytest

from environment.errors import NotHealthy, WaitTimeout
from environment.waiting import NotYet, wait_for


def test_returns_the_first_truthy_value() -> None:
    answers = iter([None, 0, "", "there"])
    assert wait_for("it", lambda: next(answers), timeout_s=5, interval_s=0.001) == "there"


def test_probes_once_even_without_time() -> None:
    assert wait_for("it", lambda: 1, timeout_s=0) == 1


def test_says_what_it_waited_for_and_what_was_last_seen() -> None:
    def probe() -> bool:
        raise NotYet("HTTP 503: loading")

    with pytest.raises(WaitTimeout) as caught:
        wait_for(
            "sts-service to be healthy",
            probe,
            timeout_s=0.02,
            interval_s=0.005,
            evidence=lambda: "sts-service is running; its log ends:\nloading models",
        )
    assert str(caught.value) == (
        "Waited 0.02 s for sts-service to be healthy; last seen: HTTP 503: loading.\n"
        "sts-service is running; its log ends:\nloading models"
    )


@pytest.mark.parametrize(("value", "words"), [(None, "nothing"), ([], r"\[\]"), (0, "0")])
def test_names_the_last_falsy_value(value: object, words: str) -> None:
    with pytest.raises(WaitTimeout, match=f"last seen: {words}"):
        wait_for("it", lambda: value, timeout_s=0.01, interval_s=0.005)


def test_keeps_its_deadline() -> None:
    begun = time.monotonic()
    with pytest.raises(WaitTimeout):
        wait_for("it", lambda: None, timeout_s=0.05, interval_s=10)
    assert 0.05 <= time.monotonic() - begun < 0.5


def test_gives_up_at_once_when_waiting_is_pointless() -> None:
    def dead() -> None:
        raise NotHealthy("e2e-mediamtx is exited")

    with pytest.raises(NotHealthy):
        wait_for("it", lambda: None, timeout_s=60, alive=dead)


def test_a_probe_s_own_error_goes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        wait_for("it", lambda: 1 // 0, timeout_s=60)
