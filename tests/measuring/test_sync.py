from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from environment.measuring.media import AudioTrack
from environment.measuring.picture_map import PictureUnmappable
from environment.measuring.sound import Samples
from environment.measuring.sync import SegmentAudio, SyncReport, measure_skew
from tests.measuring.making import (
    FRAGMENTED,
    LENGTH_S,
    RATE_HZ,
    SEGMENT_S,
    Output,
    Sound,
    place,
    silence,
    tone,
)

EXACT_MS = 5.0
Dubs = list[SegmentAudio]


def late_by(dubs: Sequence[SegmentAudio], *skews_ms: float) -> Sound:
    """Each dub in its place, late by its skew."""
    pieces = zip(dubs, skews_ms, strict=True)
    return place((dub.start_s + skew / 1000, dub.samples) for dub, skew in pieces)


def skews(report: SyncReport) -> list[float | None]:
    return [segment.skew_ms for segment in report.segments]


@pytest.mark.parametrize("skew_ms", [-300, -120, 0, 80, 300])
def test_reads_the_skew_that_was_made(
    source: Path, dubs: Dubs, tmp_path: Path, skew_ms: float
) -> None:
    output = Output(late_by(dubs, *[skew_ms] * 3)).write(source, tmp_path / "out.flv")

    report = measure_skew(source, output, dubs)

    assert skews(report) == pytest.approx([skew_ms] * 3, abs=EXACT_MS), str(report)
    assert report.worst_ms == pytest.approx(skew_ms, abs=EXACT_MS)
    assert not report.incomplete
    assert report.pictures.untouched
    assert report.pictures.matched == 360


@pytest.mark.parametrize(
    "skews_ms",
    [(-250.0, -201.3, -150.0), (-100.0, -53.7, -7.4), (3.2, 21.3, 49.9), (120.6, 199.0, 257.5)],
)
def test_every_skew_within_300_ms_is_exact(
    source: Path, dubs: Dubs, tmp_path: Path, skews_ms: tuple[float, ...]
) -> None:
    output = Output(late_by(dubs, *skews_ms), channels=2).write(source, tmp_path / "out.flv")

    report = measure_skew(source, output, dubs)

    assert skews(report) == pytest.approx(skews_ms, abs=EXACT_MS), str(report)
    for segment, wanted_ms in zip(report.segments, skews_ms, strict=True):
        assert segment.measured_ms == pytest.approx([wanted_ms] * 3, abs=EXACT_MS)


@pytest.mark.parametrize(
    ("container", "options"),
    [
        ("mp4", {}),
        ("mp4", FRAGMENTED),
        ("mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("mpegts", {}),
    ],
    ids=["mp4", "fragmented mp4", "fragmented mp4 without edit lists", "mpegts"],
)
def test_every_container_reads_the_same(
    source: Path, dubs: Dubs, tmp_path: Path, container: str, options: dict[str, str]
) -> None:
    made = Output(late_by(dubs, 80, 80, 80), container=container, options=options)

    report = measure_skew(source, made.write(source, tmp_path / "out"), dubs)

    assert skews(report) == pytest.approx([80] * 3, abs=EXACT_MS)


def test_skew_of_each_segment_is_its_own(source: Path, dubs: Dubs, tmp_path: Path) -> None:
    output = Output(late_by(dubs, -40, 0, 60)).write(source, tmp_path / "out.flv")

    report = measure_skew(source, output, dubs)

    assert skews(report) == pytest.approx([-40, 0, 60], abs=EXACT_MS)
    assert report.worst_ms == pytest.approx(60, abs=EXACT_MS)
    assert report.drift_ms == pytest.approx(100, abs=2 * EXACT_MS)


def test_held_keyframe_and_missed_head_do_not_confuse(
    source: Path, dubs: Dubs, tmp_path: Path
) -> None:
    def hold(source_s: float) -> Iterable[float]:
        if source_s < 1.99:
            return ()
        return (0.0, 0.5, 1.0, 1.5, 2.0) if source_s < 2.01 else (source_s,)

    output = Output(late_by(dubs, 80, 80, 80), placement=hold).write(source, tmp_path / "out.flv")

    report = measure_skew(source, output, dubs)

    assert skews(report) == pytest.approx([80] * 3, abs=EXACT_MS)
    assert report.pictures.repeated == 4
    assert report.pictures.missing_head == 60
    assert report.pictures.untouched


def test_constant_offset_is_no_skew(source: Path, dubs: Dubs, tmp_path: Path) -> None:
    made = Output(late_by(dubs, -20, -20, -20), offset_s=73.4, container="mpegts")

    report = measure_skew(source, made.write(source, tmp_path / "out.ts"), dubs)

    assert skews(report) == pytest.approx([-20] * 3, abs=EXACT_MS)
    assert report.pictures.drift_ms == pytest.approx(0, abs=1)


def test_late_picture_is_early_sound(source: Path, dubs: Dubs, tmp_path: Path) -> None:
    made = Output(
        late_by(dubs, 0, 0, 0), placement=lambda at_s: (at_s if at_s < 7.99 else at_s + 0.2,)
    )

    report = measure_skew(source, made.write(source, tmp_path / "out.flv"), dubs)

    assert skews(report) == pytest.approx([0, 0, -200], abs=EXACT_MS)
    assert report.pictures.drift_ms == pytest.approx(200, abs=2)


def test_dropped_segment_is_not_found(source: Path, dubs: Dubs, tmp_path: Path) -> None:
    sound = place([(0, dubs[0].samples), (SEGMENT_S, dubs[2].samples)])

    report = measure_skew(source, Output(sound).write(source, tmp_path / "out.flv"), dubs)

    assert [segment.status for segment in report.segments] == ["found", "not_found", "found"]
    assert report.segments[1].skew_ms is None
    assert report.segments[2].skew_ms == pytest.approx(-4000, abs=EXACT_MS)
    assert [segment.number for segment in report.incomplete] == [1]


def test_swapped_segments_read_as_seconds_of_skew(source: Path, dubs: Dubs, tmp_path: Path) -> None:
    sound = place((at * SEGMENT_S, dubs[which].samples) for at, which in enumerate([1, 0, 2]))

    report = measure_skew(source, Output(sound).write(source, tmp_path / "out.flv"), dubs)

    assert skews(report) == pytest.approx([4000, -4000, 0], abs=EXACT_MS)


def test_sound_that_is_nowhere_has_no_figure(
    source: Path, said: AudioTrack, dubs: Dubs, tmp_path: Path
) -> None:
    output = Output(Sound(said.samples[: LENGTH_S * RATE_HZ])).write(source, tmp_path / "out.flv")

    report = measure_skew(source, output, dubs)

    assert [segment.status for segment in report.segments] == ["not_found"] * 3
    assert skews(report) == [None] * 3
    assert report.worst_ms is None


def test_silent_segment_says_so(source: Path, dubs: Dubs, tmp_path: Path) -> None:
    output = Output(late_by(dubs, 0, 0, 0)).write(source, tmp_path / "out.flv")
    quiet = replace(dubs[1], samples=silence(SEGMENT_S))

    report = measure_skew(source, output, [dubs[0], quiet, dubs[2]])

    assert [segment.status for segment in report.segments] == ["found", "silent", "found"]
    assert report.segments[1].skew_ms is None
    assert not report.incomplete


def test_original_sound_is_measured_the_same_way(
    source: Path, said: AudioTrack, tmp_path: Path
) -> None:
    starts_s = [0.0, 4.0, 8.0]
    segments = [
        SegmentAudio(number, start_s, said.cut(start_s, SEGMENT_S), RATE_HZ)
        for number, start_s in enumerate(starts_s)
    ]
    sound = place([(0.04, said.cut(0, LENGTH_S))])

    report = measure_skew(source, Output(sound).write(source, tmp_path / "out.flv"), segments)

    assert skews(report) == pytest.approx([40] * 3, abs=EXACT_MS)


def test_sound_that_breaks_off_for_200_ms_is_measured_in_halves(
    source: Path, dubs: Dubs, tmp_path: Path
) -> None:
    made = Output(late_by(dubs[:1], 0), audio_jumps={2.0: 0.2}, until_s=SEGMENT_S)

    report = measure_skew(source, made.write(source, tmp_path / "out.flv"), dubs[:1])

    segment = report.segments[0]
    assert segment.status == "broken"
    assert segment.skew_ms is None
    assert segment.first_half_ms == pytest.approx(0, abs=EXACT_MS)
    assert segment.second_half_ms == pytest.approx(200, abs=EXACT_MS)
    assert report.worst_ms == pytest.approx(200, abs=EXACT_MS)
    assert report.incomplete == (segment,)


def test_half_a_segment_is_not_a_segment(source: Path, dubs: Dubs, tmp_path: Path) -> None:
    sound = place([(0.08, dubs[0].samples[: 2 * RATE_HZ])])
    output = Output(sound, until_s=SEGMENT_S).write(source, tmp_path / "out.flv")

    segment = measure_skew(source, output, dubs[:1]).segments[0]

    assert segment.status == "broken"
    assert segment.first_half_ms == pytest.approx(80, abs=EXACT_MS)
    assert segment.second_half_ms is None


def test_segment_begins_where_its_original_is_in_the_source(
    source: Path, said: AudioTrack, dubs: Dubs, tmp_path: Path
) -> None:
    output = Output(late_by(dubs, 80, 80, 80)).write(source, tmp_path / "out.flv")
    claimed = [
        replace(dub, start_s=dub.start_s + 0.3, original=said.cut(dub.start_s, SEGMENT_S))
        for dub in dubs
    ]

    report = measure_skew(source, output, claimed)

    assert skews(report) == pytest.approx([80] * 3, abs=EXACT_MS)
    assert all(segment.anchored for segment in report.segments)


def test_repeating_sound_is_called_ambiguous(source: Path, tmp_path: Path) -> None:
    beep = np.concatenate([tone(0.1), silence(0.9)])
    segment = SegmentAudio(0, 0.0, np.tile(beep, 2), RATE_HZ)
    sound = place([(0.02, np.tile(beep, 6))])
    output = Output(sound, until_s=SEGMENT_S).write(source, tmp_path / "out.flv")

    found = measure_skew(source, output, [segment]).segments[0]

    assert found.ambiguous
    assert found.skew_ms == pytest.approx(20, abs=EXACT_MS)


def test_segment_without_a_picture(source: Path, dubs: Dubs, tmp_path: Path) -> None:
    made = Output(late_by(dubs, 0, 0, 0), placement=lambda at_s: (at_s,) if at_s < 8 else ())

    report = measure_skew(source, made.write(source, tmp_path / "out.flv"), dubs)

    assert report.segments[2].status == "no_picture"
    assert report.incomplete == (report.segments[2],)
    assert report.pictures.missing == 900 - 240


def test_level_and_other_rates_do_not_matter(source: Path, dubs: Dubs, tmp_path: Path) -> None:
    quiet: Samples = (dubs[0].samples * 0.2).astype(np.float32)
    output = Output(place([(0.08, quiet)]), until_s=SEGMENT_S).write(source, tmp_path / "out.flv")
    halved = replace(dubs[0], samples=dubs[0].samples[::2], rate_hz=RATE_HZ // 2)

    segment = measure_skew(source, output, [halved]).segments[0]

    assert segment.skew_ms == pytest.approx(80, abs=EXACT_MS)


def test_video_that_was_encoded_again_cannot_be_mapped(
    source: Path, dubs: Dubs, encoded_again: Path
) -> None:
    with pytest.raises(PictureUnmappable, match="encoded again"):
        measure_skew(source, encoded_again, dubs)
