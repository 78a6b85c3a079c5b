"""Proofs about a run that an echo answered: it works, and nobody can take it for dubbing.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from environment.expectations import expect
from environment.proofs.validation_proofs import fingerprints, prove_complete

if TYPE_CHECKING:
    from environment.runs.run import PipelineRun

ECHO: Final = "echo"
MARK: Final = "[echo]"
_STAGES: Final = ("asr", "translation", "tts")


def prove_marked_as_echo(run: PipelineRun, health: dict[str, Any]) -> None:
    """/health, the opening of the stream and every result say that it is an echo."""
    named = {health.get("profile"), *(health.get(stage) for stage in _STAGES)}
    opened = [seen.payload for seen in run.events if seen.event.event == "stream:ready"]
    capable = {payload["capabilities"]["profile"] for payload in opened}
    texts = {text for f in run.fragments for text in (f.transcript, f.translated_text)}
    models = {
        str(model).partition(":")[0]
        for seen in run.events
        if seen.event.event == "fragment:processed"
        for model in (seen.payload.get("metadata") or {}).values()
    }
    expect(
        named == capable == models == {ECHO} and texts == {MARK},
        expected="`echo` in /health, stream:ready and each result, a mark in place of each text",
        seen=(health, capable, models, texts),
        evidence=run.folder / "events.jsonl",
        hint="services/sts-service/sts_service/echo.py",
    )


def prove_came_back_unchanged(run: PipelineRun) -> None:
    """The stream came to its end, and all that is heard in it is the original."""
    prove_complete(run)
    heard = [str(window.verdict) for window in fingerprints(run).output]
    expect(
        heard and all(window.verdict.verdict == "original" for window in fingerprints(run).output),
        expected="the clip's own sound in the output",
        seen=heard,
        evidence=run.output,
        hint="an echo gives each fragment back as it came.",
    )
