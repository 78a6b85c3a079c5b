"""Proofs about how another run of the suite ended: passed with a warning, or failed on something.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from environment.expectations import expect
from environment.proofs.nested_proofs import prove_no_traceback

if TYPE_CHECKING:
    from environment.runs.nested import NestedRun


def prove_passed_with_warning(nested: NestedRun, status: int, text: str) -> None:
    """It has passed; its summary, its log and what it printed all have a warning with that text."""
    results = _ran(nested)
    told = [warning for result in results for warning in result["warnings"] if text in warning]
    logged = [line for line in nested.events if line.event == "warning"]
    expect(
        status == 0
        and [result["outcome"] for result in results] == ["passed"]
        and told
        and any(text in line.fields.get("what", "") for line in logged)
        and any(line.startswith("warning") and text in line for line in nested.output.splitlines()),
        expected=f"exit status 0, one scenario passed, and everywhere a warning of {text!r}",
        seen=f"status {status}, {results}; printed: {nested.output[-1500:]}",
        evidence=nested.log_file,
        hint="ScenarioRun.warn; environment/evidence/report.py prints it.",
    )


def prove_failed_on(nested: NestedRun, status: int, text: str) -> None:
    """Its one scenario has failed on an expectation, and what was seen has that text."""
    results = _ran(nested)
    seen = [line for r in results for line in str(r["reason"]).splitlines() if "seen" in line]
    expect(
        status != 0
        and [result["outcome"] for result in results] == ["failed"]
        and any(text in line for line in seen)
        and text in nested.output,
        expected=f"an exit status that is not 0, and a scenario that failed on {text!r}",
        seen=f"status {status}, {results}; printed: {nested.output[-1500:]}",
        evidence=nested.log_file,
        hint="environment/hooks.py prints the failure, and the summary.",
    )
    prove_no_traceback(nested)


def _ran(nested: NestedRun) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = nested.summary.get("results", [])
    return [result for result in results if result["outcome"] != "not_selected"]
