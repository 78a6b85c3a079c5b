"""Proofs that a run of the suite was refused before it began anything.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final

import docker

from environment.expectations import expect
from environment.proofs.nested_proofs import prove_no_traceback

if TYPE_CHECKING:
    from environment.runs.nested import NestedRun

_SHOWN_CHARS: Final = 1500


def prove_refused_at_once(nested: NestedRun, status: int, words: Sequence[str]) -> None:
    """It failed in one line with these words; neither the engine nor its folder has any of it."""
    lines = [line for line in nested.output.splitlines() if "SettingsInvalid" in line]
    expect(
        status > 0 and len(lines) == 1 and all(word in lines[0] for word in (*words, "Remedy: ")),
        expected=f"a failure, in one line with {words} and a remedy",
        seen=f"status {status}; {nested.output[-_SHOWN_CHARS:]}",
        evidence=nested.log_file,
        hint="environment/settings.py: load_settings.",
    )
    prove_no_traceback(nested)
    made = engine_history(nested)
    expect(
        not made and not nested.evidence.exists(),
        expected="nothing started: no container, no network, no volume, not even a run's log",
        seen=made or nested.evidence,
        hint="environment/hooks.py reads the settings before it does anything.",
    )


def engine_history(nested: NestedRun) -> list[str]:
    """What happened on the engine to things of that run's name, from its start to its end."""
    with closing(docker.from_env()) as client:
        history = client.events(
            since=int(nested.started_at), until=int(nested.ended_at) + 1, decode=True
        )
        return [
            f"{event['Type']} {event['Action']}"
            for event in history
            # The engine is asked in whole seconds: the run before, of that name, may end in one.
            if event["timeNano"] >= nested.started_at * 1e9 and nested.run_id in json.dumps(event)
        ]
