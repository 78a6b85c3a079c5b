"""The engine's own health check of a container: what passes, and what is said of what does not."""

from __future__ import annotations

from typing import Any

import pytest

from environment.stack.health_check import check_passes
from environment.waiting import NotYet

MISSING = {"ExitCode": -1, "Output": 'exec: "curl": executable file not found in $PATH\n'}
REFUSED = {"ExitCode": 1, "Output": "http://127.0.0.1:3000/health:\n Connection refused"}


def state(status: str, *log: dict[str, Any]) -> dict[str, Any]:
    return {"Status": "running", "Health": {"Status": status, "Log": list(log)}}


def test_a_check_that_passes() -> None:
    assert check_passes("sts", state("healthy", REFUSED))


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (state("starting"), "sts is starting; not checked so far"),
        (state("starting", REFUSED), "ended with 1: http://127.0.0.1:3000/health: Connection ref"),
        (state("unhealthy", MISSING, MISSING), "sts is unhealthy; a check ended with -1: exec: "),
        ({"Status": "running", "Health": {"Status": "starting", "Log": None}}, "not checked"),
        ({"Status": "running"}, "sts is running and has no health check"),
        ({"Status": "absent"}, "sts is absent and has no health check"),
    ],
)
def test_one_that_does_not_says_what_it_said(seen: dict[str, Any], words: str) -> None:
    with pytest.raises(NotYet) as refused:
        check_passes("sts", seen)
    assert words in str(refused.value)


def test_only_the_last_of_it_is_told() -> None:
    with pytest.raises(NotYet) as refused:
        check_passes("sts", state("unhealthy", *[MISSING] * 3, REFUSED))
    assert str(refused.value).count("a check ended with") == 2
    assert str(refused.value).endswith("Connection refused")
