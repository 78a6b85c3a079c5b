"""Where two runs of the suite wait for each other: one goes on when the other has seen enough."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from environment.waiting import wait_for

WAITS_S: Final = 120.0
_MARK: Final = "go-on"


def let_go_on(evidence: Path) -> None:
    """Tell the run whose evidence lies there to go on; it must have begun."""
    (evidence / _MARK).touch()


def wait_to_go_on(evidence: Path) -> None:
    """Wait, in the run whose evidence lies there, until it is told to. ``WaitTimeout``."""
    wait_for("the run to be told to go on", (evidence / _MARK).exists, timeout_s=WAITS_S)
