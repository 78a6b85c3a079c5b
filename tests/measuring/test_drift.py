"""A drift that was made is read back, in milliseconds a minute, of sound and picture apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soxr

from environment.measuring.drift import drift_of, rate_ms_per_minute
from environment.measuring.sync import SegmentAudio, measure_skew
from tests.measuring.making import LENGTH_S, RATE_HZ, Output, Sound, place

Dubs = list[SegmentAudio]
EXACT_MS_PER_MINUTE = 3.0


def in_place(dubs: Sequence[SegmentAudio], stretch: float = 1.0) -> Sound:
    return place((dub.start_s * stretch, dub.samples) for dub in dubs)


@pytest.mark.parametrize("ms_per_minute", [-300.0, -60.0, 0.0, 7.5, 60.0])
def test_growing_lateness_is_a_drift(ms_per_minute: float) -> None:
    times_s = np.arange(0, 30, 1 / 30)
    rounded_s = np.round(0.08 + times_s * ms_per_minute / 60_000, 3)

    assert rate_ms_per_minute(times_s, rounded_s) == pytest.approx(ms_per_minute, abs=1)


def test_a_constant_lateness_and_single_wild_moments_are_none() -> None:
    late_s = np.full(100, 0.12)
    late_s[[5, 50, 99]] = 9.0

    assert rate_ms_per_minute(np.arange(100.0), late_s) == 0


@pytest.mark.parametrize("times_s", [[], [1.0], [2.0, 2.0]])
def test_one_moment_has_no_drift(times_s: list[float]) -> None:
    with pytest.raises(ValueError, match="two moments"):
        rate_ms_per_minute(times_s, times_s)


@pytest.mark.parametrize("part", [0.001, -0.001])
def test_sound_that_runs_away_from_the_picture(
    source: Path, dubs: Dubs, tmp_path: Path, part: float
) -> None:
    output = Output(in_place(dubs, 1 + part)).write(source, tmp_path / "out.flv")

    drift = drift_of(measure_skew(source, output, dubs))

    assert drift.sound_ms_per_minute == pytest.approx(60_000 * part, abs=EXACT_MS_PER_MINUTE)
    assert drift.picture_ms_per_minute == pytest.approx(0, abs=0.1)
    assert "ms a minute" in str(drift)


def test_picture_that_runs_away_from_the_sound(source: Path, dubs: Dubs, tmp_path: Path) -> None:
    made = Output(in_place(dubs), placement=lambda at_s: (at_s * 1.001,))

    drift = drift_of(measure_skew(source, made.write(source, tmp_path / "out.flv"), dubs))

    assert drift.picture_ms_per_minute == pytest.approx(60, abs=EXACT_MS_PER_MINUTE)
    assert drift.sound_ms_per_minute == pytest.approx(-60, abs=EXACT_MS_PER_MINUTE)


def test_a_clock_that_runs_away_with_both_is_the_pictures(
    source: Path, dubs: Dubs, tmp_path: Path
) -> None:
    made = Output(in_place(dubs, 1.001), placement=lambda at_s: (at_s * 1.001,))

    drift = drift_of(measure_skew(source, made.write(source, tmp_path / "out.flv"), dubs))

    assert drift.picture_ms_per_minute == pytest.approx(60, abs=EXACT_MS_PER_MINUTE)
    assert drift.sound_ms_per_minute == pytest.approx(0, abs=EXACT_MS_PER_MINUTE)


def played_slower(dubs: Dubs, part: float) -> Sound:
    whole = np.concatenate([dub.samples for dub in dubs])
    slow = np.asarray(soxr.resample(whole, 1.0, 1 + part, "HQ"), np.float32)
    return Sound(slow[: LENGTH_S * RATE_HZ])


def test_sound_played_a_little_too_slowly_runs_away(
    source: Path, dubs: Dubs, tmp_path: Path
) -> None:
    output = Output(played_slower(dubs, 0.0001)).write(source, tmp_path / "out.flv")

    drift = drift_of(measure_skew(source, output, dubs))

    assert drift.sound_ms_per_minute == pytest.approx(6, abs=EXACT_MS_PER_MINUTE)


def test_sound_played_too_slowly_is_another_sound(source: Path, dubs: Dubs, tmp_path: Path) -> None:
    output = Output(played_slower(dubs, 0.001)).write(source, tmp_path / "out.flv")

    drift = drift_of(measure_skew(source, output, dubs))

    assert drift.sound_ms_per_minute is None
    assert "unknown" in str(drift)


def test_sound_that_is_nowhere_has_no_drift(source: Path, dubs: Dubs, tmp_path: Path) -> None:
    output = Output(in_place(dubs[:1])).write(source, tmp_path / "out.flv")

    drift = drift_of(measure_skew(source, output, dubs[1:]))

    assert drift.sound_ms_per_minute is None
    assert "unknown" in str(drift)
