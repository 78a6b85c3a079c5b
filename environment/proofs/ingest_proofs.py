"""Proofs about the way into the system: over which protocol a stream came, and was read.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from environment.expectations import expect
from environment.runs.media_urls import SESSION_KINDS, Protocol

if TYPE_CHECKING:
    from environment.runs.run import PipelineRun


def prove_carried_over(run: PipelineRun, *, published: Protocol, read: Protocol) -> None:
    """The media server had the stream from one publisher and one reader, of these kinds.

    By its own description of the path while media-service processed the stream.
    """
    source = run.input_state.get("source") or {}
    readers = [reader.get("type") for reader in run.input_state.get("readers") or []]
    expect(
        source.get("type") == SESSION_KINDS[published] and readers == [SESSION_KINDS[read]],
        expected=f"published by an {SESSION_KINDS[published]}, read by one {SESSION_KINDS[read]}",
        seen=run.input_state,
        evidence=run.folder / "run.json",
        hint="INGEST_PROTOCOL of media-service; `curl <api>/v3/paths/list` while a stream is read.",
    )
