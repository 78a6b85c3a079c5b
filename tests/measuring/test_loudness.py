"""Loudness as the EBU's own test signals have it (Tech 3341), and as ffmpeg reads it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from environment.measuring.loudness import SILENT_LUFS, integrated_lufs
from environment.measuring.sound import AudioTrack, Samples, read_channels

RATE_HZ = 48_000


def sine(*parts: tuple[float, float], hertz: float = 1000.0, rate_hz: int = RATE_HZ) -> Samples:
    """A sine whose peaks lie at each part's dBFS for each part's seconds."""
    peaks = np.concatenate(
        [np.full(round(seconds * rate_hz), 10 ** (dbfs / 20)) for dbfs, seconds in parts]
    )
    turns = 2 * np.pi * hertz * np.arange(len(peaks)) / rate_hz
    return (peaks * np.sin(turns)).astype(np.float32)


def track(samples: Samples, rate_hz: int = RATE_HZ) -> AudioTrack:
    return AudioTrack(samples, 0.0, rate_hz)


def stereo(*parts: tuple[float, float]) -> list[AudioTrack]:
    return [track(sine(*parts))] * 2


@pytest.mark.parametrize(
    ("parts", "lufs"),
    [
        ([(-23, 20)], -23),
        ([(-33, 20)], -33),
        ([(-36, 10), (-23, 60), (-36, 10)], -23),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23),
    ],
    ids=["case 1", "case 2", "case 3", "case 4", "case 5"],
)
def test_the_signals_of_tech_3341(parts: list[tuple[float, float]], lufs: float) -> None:
    assert integrated_lufs(stereo(*parts)) == pytest.approx(lufs, abs=0.1)


def test_one_of_two_channels_is_3_lu_quieter() -> None:
    left, nothing = sine((0, 5), hertz=997), np.zeros(5 * RATE_HZ, np.float32)

    assert integrated_lufs([track(left), track(nothing)]) == pytest.approx(-3.01, abs=0.02)


def test_a_single_channel_is_heard_from_both_speakers() -> None:
    assert integrated_lufs([track(sine((-23, 5)))]) == integrated_lufs(stereo((-23, 5)))


def test_the_ear_hears_less_of_the_bass_and_more_above() -> None:
    def lufs(hertz: float) -> float:
        return integrated_lufs([track(sine((-20, 5), hertz=hertz))])

    assert lufs(30) < lufs(100) < lufs(1000) < lufs(6000)


def test_other_rates_are_converted() -> None:
    low = sine((-23, 5), rate_hz=44_100)

    assert integrated_lufs([track(low, 44_100)]) == pytest.approx(-23, abs=0.1)


def test_what_is_shorter_than_a_block_is_padded() -> None:
    assert integrated_lufs([track(sine((-20, 0.2)))]) == pytest.approx(-23, abs=0.2)


@pytest.mark.parametrize("seconds", [0, 0.1, 5])
def test_silence_and_nothing_are_at_the_gate(seconds: float) -> None:
    silent = track(np.zeros(round(seconds * RATE_HZ), np.float32))

    assert integrated_lufs([silent, silent]) == SILENT_LUFS


def test_no_channel_has_no_loudness() -> None:
    with pytest.raises(ValueError, match="one channel"):
        integrated_lufs([])


def test_ffmpeg_says_the_same(source: Path) -> None:
    argv = [*("ffmpeg", "-nostdin", "-i", str(source), "-map", "0:a"), "-af", "ebur128"]
    said = subprocess.run([*argv, "-f", "null", "-"], capture_output=True, text=True, check=True)
    reading = re.findall(r"I: +(-[\d.]+) LUFS", said.stderr)[-1]

    assert integrated_lufs(read_channels(source)) == pytest.approx(float(reading), abs=0.1)
