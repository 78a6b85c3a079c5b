"""What is heard in an output behind the last of its dubs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from environment.measuring.correlation import SILENCE_DBFS, find_near
from environment.measuring.likeness import GAIN_WITHIN_DB
from environment.measuring.sound import Samples, level_dbfs, read_audio, read_channels
from environment.measuring.sync import source_zero
from environment.proofs.examination import OutputSegment, sound_s

if TYPE_CHECKING:
    from environment.measuring.sound import AudioTrack
    from environment.runs.run import PipelineRun

TAIL_UNDER_S: Final = 0.25
"""A rest of the source that is shorter goes out as it is: by rule it is not dubbed."""
_RATE_HZ: Final = 48_000
# AAC lets a sound ring for two of its frames after it ended.
_MARGIN_S: Final = 0.05
# How far a sound may be beside its picture, by EBU R37.
_BESIDE_S: Final = 0.04
_MOMENT_S: Final = 0.02


def heard_behind(run: PipelineRun, segments: Sequence[OutputSegment]) -> str:
    """Say what is heard behind the last dub, on any channel; empty where nothing may be amiss.

    Silence is as it should be, and the rest of the source in its place, where that is too short
    to be dubbed. ``segments`` tell where the dubs are; those that are not found last as long as
    what was sent.
    """
    lengths_s = {fragment.sequence_number: sound_s(fragment) for fragment in run.fragments}
    found = {segment.number: segment.at_s for segment in segments if segment.at_s is not None}
    if not found:
        return "no dub is found, and so no end of the last"
    last = max(found)
    end_s = found[last] + sum(length for number, length in lengths_s.items() if number >= last)
    tail = _tail(run, sum(lengths_s.values()))
    for channel in read_channels(run.output, _RATE_HZ):
        begins_s = end_s if tail is None else _end_of(tail, channel, end_s)
        if (at_s := _first_heard(channel, begins_s + _MARGIN_S)) is not None:
            return f"heard {at_s - end_s:.2f} s behind the end of the last dub, at {at_s:.2f} s"
    return ""


def _tail(run: PipelineRun, dubbed_s: float) -> Samples | None:
    """What the source has behind the last fragment, if that is heard and too short to be dubbed."""
    source = read_audio(run.source, _RATE_HZ)
    begins_s = source_zero(run.source) + dubbed_s
    left_s = source.end_s - begins_s
    if not _MARGIN_S < left_s < TAIL_UNDER_S:
        return None
    tail = source.cut(begins_s, left_s)
    return None if level_dbfs(tail) < SILENCE_DBFS else tail


def _end_of(tail: Samples, channel: AudioTrack, at_s: float) -> float:
    """Return when the tail ends that is heard there; where it is not heard, when it would begin."""
    length_s = len(tail) / _RATE_HZ
    around = channel.cut(at_s - _BESIDE_S, length_s + 2 * _BESIDE_S)
    match = find_near(tail, around, _RATE_HZ, _BESIDE_S, _BESIDE_S)
    gain_db = level_dbfs(channel.cut(at_s, length_s)) - level_dbfs(tail)
    heard = match is not None and match.found and gain_db <= GAIN_WITHIN_DB
    return at_s + length_s if heard else at_s


def _first_heard(channel: AudioTrack, since_s: float) -> float | None:
    moments = range(int((channel.end_s - since_s) / _MOMENT_S) + 1)
    times_s = (since_s + number * _MOMENT_S for number in moments)
    loud = (at for at in times_s if level_dbfs(channel.cut(at, _MOMENT_S)) > SILENCE_DBFS)
    return next(loud, None)
