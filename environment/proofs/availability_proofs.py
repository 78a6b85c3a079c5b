"""Proofs about when a run's output could be had, from the media server's own counts.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from environment.expectations import expect

if TYPE_CHECKING:
    from environment.runs.run import PipelineRun


def first_dub_at(run: PipelineRun) -> float:
    """When the dub of the first segment was seen on the wire, in Unix seconds; 0 if never."""
    times = [f.processed_seen_at for f in run.fragments if f.sequence_number == 0]
    return next((float(at) for at in times if at is not None), 0.0)


def prove_first_segment_ready(run: PipelineRun) -> None:
    """The first segment's dub came back, and media-service took it into its output."""
    first = next(iter(run.segments), {})
    expect(
        first.get("outcome") == "dubbed" and first_dub_at(run) > run.published_at,
        expected="the first segment dubbed, its result seen on the wire",
        seen=first,
        evidence=run.folder / "run.json",
        hint="media-service's /v1/streams tells each segment's times and its outcome.",
    )


def prove_available_within(run: PipelineRun, limit_s: float) -> float:
    """The media server had the output that soon after the first dub was back; the seconds.

    Had means: listed as ready by its Control API, which the harness asks five times a second, with
    bytes in it. Media-service's own word for the connection must not be later either.
    """
    there_at = next((at for at, count in run.output_bytes if count > 0), float("inf"))
    connected_at = float((run.report["output"] or {}).get("connected_at") or "inf")
    took_s = max(there_at, connected_at) - first_dub_at(run)
    expect(
        took_s <= limit_s,
        expected=f"{run.path_out} on the media server within {limit_s:g} s of the first dub",
        seen=f"after {took_s:.2f} s",
        evidence=run.folder / "run.json",
        hint="`connected_at` of the output in run.json: was media-service late, or the server?",
    )
    return took_s
