"""Proofs about a stream whose publisher was gone before its end: what there was is dubbed.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from environment.expectations import expect
from environment.measuring.media import timeline
from environment.proofs import examination
from environment.proofs.output_proofs import measurable

if TYPE_CHECKING:
    from environment.runs.run import PipelineRun


def prove_ended_in_order(run: PipelineRun, seconds: float, slack_s: float) -> None:
    """The stream is finished, without an error, and its output as long as what was sent."""
    lengths = {track.kind: track.duration_s for track in timeline(run.output)}
    error = run.report["error"]
    expect(
        error is None
        and set(lengths) == {"video", "audio"}
        and all(abs(length_s - seconds) <= slack_s for length_s in lengths.values()),
        expected=f"no error, {seconds:g} s of picture and sound, within {slack_s:g} s",
        seen=(error, lengths),
        evidence=run.output,
        hint="media-service's log: how did the worker end?",
    )


def prove_begins_dubbed(run: PipelineRun, count: int, limit_ms: float) -> None:
    """The first ``count`` segments, all that were whole, were answered and are in the output.

    Each is dubbed with the dub of the wire and nothing else, in its turn, within ``limit_ms`` of
    its picture (SC-005). What is heard is told from the recordings alone.
    """
    heard = examination.output_segments(run)[:count]
    with measurable(run):
        skews = examination.skew(run).segments[:count]
    places_s = [segment.at_s for segment in heard if segment.at_s is not None]
    expect(
        run.result_order[:count] == tuple(range(count))
        and len(heard) == len(skews) == count
        and all(segment.dubbed for segment in heard)
        and all(before < after for before, after in pairwise(places_s))
        and all(
            skew.status == "found" and all(abs(ms) < limit_ms for ms in skew.measured_ms)
            for skew in skews
        ),
        expected=f"{count} whole segments, answered in order and dubbed, each within {limit_ms:g} "
        "ms of its picture",
        seen=[*map(str, heard), *map(str, skews), f"results: {run.result_order}"],
        evidence=run.folder,
        hint="the recordings lie there; media-service's log: segment_released.",
    )
