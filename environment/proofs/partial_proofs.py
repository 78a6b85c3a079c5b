"""Proofs about a stream whose publisher was gone before its end: what there was is dubbed.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

from environment.expectations import expect
from environment.measuring.media import timeline
from environment.measuring.sync import source_zero
from environment.proofs import examination
from environment.proofs.output_proofs import (
    prove_dubbed,
    prove_in_sync,
    prove_nothing_missing,
    prove_pictures_of,
)
from environment.proofs.wire_proofs import PLACE_WITHIN_S

if TYPE_CHECKING:
    from environment.runs.run import PipelineRun

UNSENT_S: Final = 0.1
"""What a publisher that is killed has sent of a track at its very end may reach nobody: a few
frames that lay in somebody's buffer."""


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


def prove_dubbed_to_the_end(run: PipelineRun, least: int, limit_ms: float) -> None:
    """All that the source brought is in the output, the segment that was cut short included.

    There are ``least`` segments or more. Each is dubbed with the dub of the wire and nothing else,
    in its turn, within ``limit_ms`` of its picture (SC-005), under the source's own pictures. What
    is heard and seen is told from the recordings alone.
    """
    prove_all_of_it_answered(run, least)
    prove_pictures_of(run, run.source, unseen_s=UNSENT_S)
    prove_nothing_missing(run)
    prove_in_sync(run, limit_ms)
    prove_dubbed(run)


def prove_all_of_it_answered(run: PipelineRun, least: int) -> None:
    """The fragments are the recorded source's sound from its beginning to its end, without a hole.

    Each was answered with a dub, in its turn.
    """
    places = examination.fragment_places(run)
    ends_s = list(accumulate((place.duration_s for place in places), initial=0.0))
    (sound,) = (track for track in timeline(run.source) if track.kind == "audio")
    wanted_s = sound.end_s - source_zero(run.source)
    expect(
        len(places) >= least
        and run.result_order == tuple(range(len(places)))
        and all(fragment.dubbed_audio is not None for fragment in run.fragments)
        and all(
            place.start_s is not None and abs(place.start_s - at_s) <= PLACE_WITHIN_S
            for place, at_s in zip(places, ends_s, strict=False)
        )
        and abs(wanted_s - ends_s[-1]) <= UNSENT_S,
        expected=f"{least} fragments or more, each found in the source at the end of the one "
        f"before it, {wanted_s:.2f} s in all, answered in order with a dub",
        seen=f"{places}; {ends_s[-1]:.2f} s in all; results: {run.result_order}",
        evidence=run.folder,
        hint="the recordings lie there; media-service's log: segment_cut, fragment_sent.",
    )
