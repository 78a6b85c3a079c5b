"""Proofs about many runs of the suite: how often it has passed (SC-007).

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from typing import Final

from environment.expectations import expect
from environment.runs.soaked import Soaked

_SHOWN_CHARS: Final = 2000


def prove_reliable(soaked: Soaked, percent: float, count: int) -> None:
    """That share of so many runs has passed, each with a scenario; none was left out of the sum."""
    attempts = soaked.sum.get("attempts", [])
    passed = [
        attempt
        for attempt in attempts
        if attempt["status"] == 0
        and [s["outcome"] for s in attempt["scenarios"] if s["outcome"] != "not_selected"]
        == ["passed"]
    ]
    expect(
        soaked.status == 0
        and len(attempts) == count
        and 100 * len(passed) >= percent * count
        and soaked.sum["runs"]["passed"] == len(passed),
        expected=f"at least {percent:g} % of {count} runs passed (SC-007), exit status 0",
        seen=f"status {soaked.status}; {len(passed)} of {len(attempts)} passed; "
        f"{soaked.output[-_SHOWN_CHARS:]}",
        evidence=soaked.log_file,
        hint="its sum names each failure with the folder of its evidence.",
    )
