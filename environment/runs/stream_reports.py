"""Waiting for what media-service reports of one stream."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from environment.waiting import NotYet, wait_for

if TYPE_CHECKING:
    from environment.stack.topology import Topology

Report = dict[str, Any]
"""A stream's report, as /v1/streams of media-service has it."""


def wait_for_state(stack: Topology, path: str, state: str, *, timeout_s: float) -> Report:
    """Wait until media-service reports the stream at ``path`` in that state; return the report.

    ``timeout_s`` is a deadline already multiplied. Raises ``WaitTimeout``, with the last state.
    """
    return _wait(stack, path, f"to be {state}", lambda r: r["state"] == state, timeout_s)


def wait_for_output(stack: Topology, path: str, seconds: float, *, timeout_s: float) -> Report:
    """Wait until the output of the stream at ``path`` has been on the air for that long.

    Returns the report; bounds and errors as those of ``wait_for_state``.
    """

    def on_the_air(report: Report) -> bool:
        began_at = (report["output"] or {}).get("first_packet_at")
        return began_at is not None and time.time() - began_at >= seconds

    return _wait(stack, path, f"to have {seconds:g} s of output", on_the_air, timeout_s)


def _wait(
    stack: Topology, path: str, what: str, is_so: Callable[[Report], bool], timeout_s: float
) -> Report:
    def probe() -> Report:
        reports = stack.media_service.streams()
        report = next((report for report in reports if report["path_in"] == path), None)
        if report is None:
            raise NotYet("no such stream")
        if not is_so(report):
            raise NotYet(f"state {report['state']}, error {report['error']}")
        return report

    return wait_for(f"{path} {what}", probe, timeout_s=timeout_s)
