"""Several recordings of one path as one timeline: what was there before and after a break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from environment.measuring.media import VideoPacket, read_video_packets, timeline
from environment.measuring.sound import AudioTrack, MediaUnreadable, read_audio

RATE_HZ: Final = 48_000
APART_S: Final = 30.0
"""Publications that begin at zero again are laid this far from each other."""


@dataclass(frozen=True)
class Piece:
    """One recording: where its first picture or sound lies on the timeline, and where it ends.

    ``zero_s`` is what its own timestamp zero is there.
    """

    path: Path
    start_s: float
    end_s: float
    zero_s: float
    monotonic: bool


@dataclass(frozen=True)
class Take:
    """All that was recorded of a path, its pieces one after another; sound is mono at 48 kHz."""

    pieces: tuple[Piece, ...]
    audio: AudioTrack
    pictures: tuple[VideoPacket, ...]

    @property
    def gaps_s(self) -> tuple[float, ...]:
        """From the end of each piece to the start of the next; below zero: an overlap."""
        return tuple(after.start_s - before.end_s for before, after in pairwise(self.pieces))


def one_clock(paths: Sequence[Path]) -> Take:
    """Read recordings whose timestamps go on from one to the next, as those of an output must.

    Raises ``MediaUnreadable``; one without a single packet is left out.
    """
    return _take(paths, own_clocks=False)


def own_clocks(paths: Sequence[Path]) -> Take:
    """Read recordings that each begin at zero again: publications one after another.

    They are laid ``APART_S`` behind each other. Raises ``MediaUnreadable``.
    """
    return _take(paths, own_clocks=True)


def _take(paths: Sequence[Path], *, own_clocks: bool) -> Take:
    pieces: list[Piece] = []
    tracks: list[AudioTrack] = []
    pictures: list[VideoPacket] = []
    for path in paths:
        lines = timeline(path)
        if not lines:
            continue
        zero_s = pieces[-1].end_s + APART_S if own_clocks and pieces else 0.0
        pieces.append(
            Piece(
                path=path,
                start_s=zero_s + min(line.first_s for line in lines),
                end_s=zero_s + max(line.end_s for line in lines),
                zero_s=zero_s,
                monotonic=all(line.monotonic for line in lines),
            )
        )
        if any(line.kind == "audio" for line in lines):
            track = read_audio(path, RATE_HZ)
            tracks.append(replace(track, start_s=track.start_s + zero_s))
        if any(line.kind == "video" for line in lines):
            pictures += [
                replace(packet, pts_s=packet.pts_s + zero_s, dts_s=packet.dts_s + zero_s)
                for packet in read_video_packets(path)
            ]
    if not tracks:
        raise MediaUnreadable(f"there is no sound in any of {[str(path) for path in paths]}")
    return Take(tuple(pieces), _laid_out(tracks), tuple(pictures))


def _laid_out(tracks: Sequence[AudioTrack]) -> AudioTrack:
    """One track; between the pieces is silence, and where they overlap the later one counts."""
    if len(tracks) == 1:
        return tracks[0]
    start_s = min(track.start_s for track in tracks)
    end_s = max(track.end_s for track in tracks)
    samples = np.zeros(round((end_s - start_s) * RATE_HZ) + 1, np.float32)
    for track in tracks:
        first = round((track.start_s - start_s) * RATE_HZ)
        stretch = track.samples[: len(samples) - first]
        samples[first : first + len(stretch)] = stretch
    return AudioTrack(samples, start_s, RATE_HZ)
