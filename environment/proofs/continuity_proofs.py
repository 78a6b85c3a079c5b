"""Proofs that nothing is missing in what came out: no picture, no sound, no time.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from environment.expectations import expect
from environment.measuring.media import Gap, keyframe_interval_s, timeline
from environment.proofs.output_proofs import MOST_JITTER_MS, held_in_head

if TYPE_CHECKING:
    from pathlib import Path

    from environment.proofs.aftermath import Aftermath

_SHOWN_PICTURES: Final = 12
_NEAR_S: Final = 0.2
"""The output begins a tenth of a second behind the stream's timeline; a frame is a fiftieth."""


def prove_pictures_out(aftermath: Aftermath) -> None:
    """Every picture that was read is in the output, each at its time, and no sound is missing.

    But for the head that a join cannot have, and what was on its way when the output broke
    (FR-024, SC-006, SC-005).
    """
    lost = aftermath.lost_pictures
    expect(
        not lost,
        expected="every picture of every segment in the output",
        seen=f"{len(lost)} pictures of the source missing, at "
        f"{[round(at_s, 2) for at_s in lost[:_SHOWN_PICTURES]]} s",
        evidence=aftermath.folder,
        hint="the recordings lie there; media-service must pass pictures on, whoever is away.",
    )
    unsteady = [s for s in aftermath.stretches if s.jitter_ms > MOST_JITTER_MS]
    expect(
        not unsteady,
        expected=f"pictures within {MOST_JITTER_MS:g} ms of their time, where nothing broke",
        seen="; ".join(str(stretch) for stretch in unsteady),
        evidence=aftermath.folder,
        hint="media-service keeps the source's timestamps, all through a stall.",
    )
    silent = {path.name: gaps for path in aftermath.outputs if (gaps := _gaps(aftermath, path))}
    expect(
        not silent,
        expected="sound without a gap, but where nobody could read the source",
        seen=silent,
        evidence=aftermath.folder,
        hint="the pacer's clock moves at a stall, its timestamps must not.",
    )


def _gaps(aftermath: Aftermath, output: Path) -> list[Gap]:
    """The gaps in the sound of an output that are not between what was read."""
    unread = [
        (float(before["start_s"]) + float(before["duration_s"]), float(after["start_s"]))
        for before, after in pairwise(aftermath.segments)
    ]
    return [
        gap
        for track in timeline(output)
        if track.kind == "audio"
        for gap in track.gaps
        if not any(
            abs(gap.at_s - from_s) <= _NEAR_S and abs(gap.duration_s - (to_s - from_s)) <= _NEAR_S
            for from_s, to_s in unread
        )
    ]


def prove_clock_unbroken(aftermath: Aftermath) -> None:
    """The output is one piece, with every picture: timestamps only grow, no track has a hole."""
    expect(
        len(aftermath.outputs) == 1,
        expected="one publication of the output, from beginning to end",
        seen=[path.name for path in aftermath.outputs],
        evidence=aftermath.folder,
        hint="media-service's log: output_connected, and why it was connected anew.",
    )
    prove_pictures_out(aftermath)
    tracks = timeline(aftermath.outputs[0])
    head_s = keyframe_interval_s(aftermath.source.pictures)
    holes = [(t.kind, gap) for t in tracks for gap in t.gaps if not held_in_head(t, gap, head_s)]
    expect(
        {track.kind for track in tracks} == {"video", "audio"}
        and all(track.monotonic for track in tracks)
        and not holes,
        expected="picture and sound, with timestamps that only grow, without gaps",
        seen=holes or tracks,
        evidence=aftermath.outputs[0],
        hint="the pacer's clock moves at a stall, its timestamps must not.",
    )
