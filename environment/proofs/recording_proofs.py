"""Proofs that a recording of the media server's is what was published, neither more nor less.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from environment.expectations import expect
from environment.measuring.fingerprint import compare, find
from environment.measuring.media import read_video_packets
from environment.measuring.sound import read_audio

# RTMP and FLV count in whole milliseconds: each time may be rounded by one, on the way and here.
CONSTANT_WITHIN_S: Final = 0.002
_RATE_HZ: Final = 48_000
_HINT: Final = "recording must begin with the publisher's first packet, and keep its times."


def prove_same_pictures(published: Path, recording: Path, *, count: int) -> float:
    """The recording has each picture once, in order, all at one constant distance in time.

    Returns that distance in seconds: a time of the recording less that of the published file.
    """
    sent, got = read_video_packets(published), read_video_packets(recording)
    hashes = [packet.slice_hash for packet in got]
    expect(
        hashes == [packet.slice_hash for packet in sent] and len(sent) == count,
        expected=f"the {count} pictures published, each once, in order",
        seen=f"{len(sent)} published, {len(got)} recorded, "
        f"{len({p.slice_hash for p in sent} - set(hashes))} of them missing",
        evidence=recording,
        hint=_HINT,
    )
    offsets_s = np.array([g.pts_s - s.pts_s for g, s in zip(got, sent, strict=True)])
    offset_s = float(np.median(offsets_s))
    expect(
        np.abs(offsets_s - offset_s).max() <= CONSTANT_WITHIN_S,
        expected=f"the times of the pictures as published, but for one offset, "
        f"within {1000 * CONSTANT_WITHIN_S:g} ms",
        seen=f"offsets from {1000 * offsets_s.min():+.1f} to {1000 * offsets_s.max():+.1f} ms",
        evidence=recording,
        hint=_HINT,
    )
    return offset_s


def prove_same_sound(published: Path, recording: Path, *, offset_s: float) -> None:
    """The recording's sound is the published one, at the same distance as its pictures."""
    said, heard = read_audio(published, _RATE_HZ), read_audio(recording, _RATE_HZ)
    place = find(said.samples, heard.samples, _RATE_HZ, expected_s=0.0)
    away_s = 0.0 if place is None else heard.start_s + place.offset_s - said.start_s - offset_s
    length_s = said.end_s - said.start_s
    verdict = compare(said.samples, heard.cut(said.start_s + offset_s, length_s), _RATE_HZ)
    expect(
        place is not None
        and place.found
        and abs(away_s) <= CONSTANT_WITHIN_S
        and verdict.verdict == "original",
        expected=f"{length_s:.2f} s of sound, unchanged, where its pictures are, "
        f"within {1000 * CONSTANT_WITHIN_S:g} ms",
        seen=f"{verdict}; {place}; {1000 * away_s:+.1f} ms from the pictures",
        evidence=recording,
        hint=_HINT,
    )
