"""Waiting for a stream's report, against a media-service that has nothing but reports."""

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from environment.errors import WaitTimeout
from environment.runs.stream_reports import wait_for_output, wait_for_state
from environment.stack.topology import Topology

PATH = "live/x/in"


def stack(*reports: dict[str, Any]) -> Topology:
    """Serve one report after the other, the last for ever."""
    left = list(reports)

    def streams() -> list[dict[str, Any]]:
        return [left.pop(0) if len(left) > 1 else left[0]] if left else []

    return cast("Topology", SimpleNamespace(media_service=SimpleNamespace(streams=streams)))


def report(state: str = "processing", began_ago_s: float | None = None) -> dict[str, Any]:
    output = None if began_ago_s is None else {"first_packet_at": time.time() - began_ago_s}
    return {"path_in": PATH, "state": state, "error": None, "output": output}


def test_the_state_is_waited_for() -> None:
    seen = wait_for_state(stack(report(), report("failed")), PATH, "failed", timeout_s=2)
    assert seen["state"] == "failed"


def test_another_state_is_told_of() -> None:
    with pytest.raises(WaitTimeout, match=r"live/x/in to be finished.*processing"):
        wait_for_state(stack(report()), PATH, "finished", timeout_s=0.01)


def test_an_unknown_stream_is_told_of() -> None:
    with pytest.raises(WaitTimeout, match="no such stream"):
        wait_for_state(stack(), PATH, "finished", timeout_s=0.01)


def test_an_output_must_have_lasted() -> None:
    young, old = report(began_ago_s=1), report(began_ago_s=6)
    assert wait_for_output(stack(report(), young, old), PATH, 5, timeout_s=2) == old


def test_an_output_that_is_too_young_is_a_timeout() -> None:
    with pytest.raises(WaitTimeout, match="to have 5 s of output"):
        wait_for_output(stack(report(began_ago_s=1)), PATH, 5, timeout_s=0.01)
