"""All tools together take under five seconds of processor time for a recording of thirty."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from environment.measuring.clicks import Piece, examine
from environment.measuring.correlation import find
from environment.measuring.drift import drift_of
from environment.measuring.fingerprint import compare
from environment.measuring.language import language_of
from environment.measuring.likeness import liken
from environment.measuring.loudness import integrated_lufs
from environment.measuring.media import AudioTrack, probe, read_video_packets, timeline
from environment.measuring.picture_map import map_pictures
from environment.measuring.sound import Samples, mix, read_channels
from environment.measuring.stillness import black_stretches, still_stretches
from environment.measuring.sync import SegmentAudio, measure_skew
from environment.measuring.transcript import align, counting_words
from environment.measuring.viewing import view
from tests.measuring.making import RATE_HZ, Output, place

SEGMENTS, SEGMENT_S = 5, 6
MOST_S = 5.0


def processor_s() -> float:
    """Seconds of processor time that this process and those it started have taken.

    Unlike time on the clock it does not depend on what else the machine has to do.
    """
    return sum(os.times()[:4])


@pytest.fixture(scope="module")
def segments(said: AudioTrack, spanish: Samples) -> list[SegmentAudio]:
    dubs = np.split(np.concatenate([spanish, spanish[::-1]])[: 30 * RATE_HZ], SEGMENTS)
    return [
        SegmentAudio(n, start_s, dub, RATE_HZ, original=said.cut(start_s, SEGMENT_S))
        for n, (start_s, dub) in enumerate(zip(range(0, 30, SEGMENT_S), dubs, strict=True))
    ]


def measure(source: Path, output: Path, segments: list[SegmentAudio]) -> None:
    """Use each tool once, and see that each had something to measure."""
    assert probe(output).video
    assert all(track.monotonic and not track.gaps for track in timeline(output))
    assert drift_of(measure_skew(source, output, segments)).sound_ms_per_minute is not None
    assert map_pictures(read_video_packets(source), read_video_packets(output)).untouched
    channels = read_channels(output)
    heard = mix(channels)
    places = []
    for segment in segments:
        match = find(segment.samples, heard.samples, RATE_HZ)
        assert match is not None
        at_s = heard.start_s + match.offset_s
        places.append(Piece(at_s, segment.samples))
        assert segment.original is not None
        there = heard.cut(at_s, SEGMENT_S)
        assert compare(segment.original, there, RATE_HZ).verdict == "dubbed"
        assert all(
            liken(segment.samples, channel.cut(at_s, SEGMENT_S), RATE_HZ).pure
            for channel in channels
        )
    assert len([examine(channel, places) for channel in channels]) == 2
    assert abs(integrated_lufs(channels) - integrated_lufs(read_channels(source))) < 12
    seen = view(output)
    assert seen.faults == ""
    assert still_stretches(seen)
    assert not black_stretches(seen)
    words = " ".join(counting_words(1, 30))
    assert align(words, words).rate == 0
    assert language_of(words) == "en"


def test_thirty_seconds_are_measured_within_five(
    source: Path, segments: list[SegmentAudio], tmp_path: Path
) -> None:
    sound = place(((segment.start_s, segment.samples) for segment in segments), 30)
    output = Output(sound, until_s=30, channels=2).write(source, tmp_path / "out.flv")
    begun_s = processor_s()

    measure(source, output, segments)

    took_s = processor_s() - begun_s
    print(f"measured 30 s in {took_s:.2f} s of processor time")
    assert took_s < MOST_S
