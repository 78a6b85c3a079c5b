from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from environment.measuring.media import (
    MediaUnreadable,
    probe,
    read_audio,
    read_video_packets,
    timeline,
)
from environment.measuring.sound import AudioTrack, level_dbfs
from tests.measuring.making import (
    FRAGMENTED,
    RATE_HZ,
    Output,
    Sound,
    place,
    silence,
    tone,
    write_reordered,
)

CONTAINERS = pytest.mark.parametrize(
    ("container", "options"),
    [("flv", {}), ("mp4", {}), ("mp4", FRAGMENTED), ("mpegts", {})],
    ids=["flv", "mp4", "fragmented mp4", "mpegts"],
)


@CONTAINERS
def test_slices_hash_the_same_in_every_container(
    source: Path, tmp_path: Path, container: str, options: dict[str, str]
) -> None:
    made = Output(Sound(silence(3)), container=container, options=options, until_s=3)

    packets = read_video_packets(made.write(source, tmp_path / "out"))

    expected = read_video_packets(source)[:90]
    assert [p.slice_hash for p in packets] == [p.slice_hash for p in expected]
    assert [p.keyframe for p in packets] == [p.keyframe for p in expected]
    assert [p.pts_s for p in packets] == pytest.approx(
        [p.pts_s + made.offset_s for p in expected], abs=0.001
    )


@CONTAINERS
def test_sound_lies_where_its_timestamps_say(
    source: Path, tmp_path: Path, container: str, options: dict[str, str]
) -> None:
    clicks_s = [0.5, 1.7]
    sound = place([(at_s, tone(0.05, 3000)) for at_s in clicks_s], 3)
    made = Output(sound, container=container, options=options, until_s=3)

    track = read_audio(made.write(source, tmp_path / "out"))

    for at_s in clicks_s:
        around = np.abs(track.cut(at_s + made.offset_s - 0.2, 0.4))
        onset_s = float(np.argmax(around > 0.15)) / track.rate_hz - 0.2
        assert onset_s == pytest.approx(0, abs=0.002)


def test_gaps_in_sound_and_picture_are_found(source: Path, tmp_path: Path) -> None:
    made = Output(
        Sound(tone(5)),
        placement=lambda at_s: () if 1.99 < at_s < 2.19 else (at_s,),
        audio_jumps={3.0: 0.2},
        until_s=4,
    )

    video, audio = timeline(made.write(source, tmp_path / "out.flv"))

    (frozen,), (broken_off,) = video.gaps, audio.gaps
    assert frozen.at_s == pytest.approx(2.0 + made.offset_s, abs=0.002)
    assert frozen.duration_s == pytest.approx(0.2, abs=0.003)
    assert broken_off.at_s == pytest.approx(3.0 + made.offset_s, abs=0.025)
    assert broken_off.duration_s == pytest.approx(0.2, abs=0.003)
    assert video.monotonic
    assert audio.monotonic


@CONTAINERS
@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30_000, 1001), Fraction(60)], ids=str)
def test_reordered_pictures_of_any_rate_have_no_gaps(
    tmp_path: Path, container: str, options: dict[str, str], fps: Fraction
) -> None:
    path = write_reordered(tmp_path / "out", fps, 4, container, options)

    (video,) = timeline(path)

    assert video.packets == round(4 * fps)
    assert video.duration_s == pytest.approx(round(4 * fps) / fps, abs=0.002)
    assert video.gaps == ()
    assert video.monotonic
    packets = read_video_packets(path)
    assert any(packet.pts_s > packet.dts_s for packet in packets)
    assert [p.pts_s for p in packets] != sorted(p.pts_s for p in packets)


def test_a_picture_missing_among_reordered_ones_is_a_gap(tmp_path: Path) -> None:
    path = write_reordered(tmp_path / "out", Fraction(25), 4, "flv", {}, without=(50,))

    (video,) = timeline(path)

    (gap,) = video.gaps
    assert gap.duration_s == pytest.approx(0.04, abs=0.002)
    assert gap.at_s - video.first_s == pytest.approx(2.0, abs=0.002)


def test_gap_in_sound_is_heard_as_silence(source: Path, tmp_path: Path) -> None:
    made = Output(Sound(tone(4)), audio_jumps={2.0: 0.5}, until_s=4)

    track = read_audio(made.write(source, tmp_path / "out.flv"))

    assert level_dbfs(track.cut(2.1 + made.offset_s, 0.3)) < -60
    assert level_dbfs(track.cut(2.6 + made.offset_s, 0.3)) > -20
    assert track.end_s == pytest.approx(4.5 + made.offset_s, abs=0.05)


def test_durations_of_the_clip(source: Path) -> None:
    video, audio = timeline(source)

    assert (video.kind, audio.kind) == ("video", "audio")
    assert (video.first_s, audio.first_s) == (0, 0)
    assert video.duration_s == pytest.approx(30, abs=0.001)
    assert audio.duration_s == pytest.approx(30, abs=0.001)
    assert video.gaps == audio.gaps == ()
    assert (video.packets, audio.packets) == (900, 1407)


@pytest.mark.parametrize("by_ms", [500, 33], ids=["backward", "standing still"])
def test_timestamps_that_do_not_grow_are_counted(source: Path, tmp_path: Path, by_ms: int) -> None:
    path = Output(Sound(silence(2)), until_s=2).write(source, tmp_path / "out.flv")
    _set_back_flv_tag(path, kind=9, index=19, by_ms=by_ms)

    video, audio = timeline(path)

    assert video.backward_steps == 1
    assert not video.monotonic
    assert audio.monotonic


def _set_back_flv_tag(path: Path, kind: int, index: int, by_ms: int) -> None:
    """Lower the timestamp of one tag: 9 is video, 8 is audio."""
    data = bytearray(path.read_bytes())
    position, seen = 13, 0
    while position < len(data):
        size = int.from_bytes(data[position + 1 : position + 4])
        if data[position] == kind:
            if seen == index:
                stamp = int.from_bytes(data[position + 4 : position + 7]) - by_ms
                data[position + 4 : position + 7] = stamp.to_bytes(3)
                break
            seen += 1
        position += 11 + size + 4
    path.write_bytes(data)


def test_probe_names_the_streams(source: Path) -> None:
    info = probe(source)

    assert info.video is not None
    assert info.audio is not None
    assert (info.video.codec, info.audio.codec) == ("h264", "aac")
    assert (info.video.width, info.video.height, info.video.fps) == (1280, 720, 30)
    assert (info.audio.sample_rate_hz, info.audio.channels) == (48_000, 2)
    assert info.duration_s == 30


def test_sound_without_picture_and_the_reverse(encoded_again: Path, tmp_path: Path) -> None:
    opus = Path(__file__).parent / "data" / "spanish_1_to_18.mp4"
    with pytest.raises(MediaUnreadable, match="no video"):
        read_video_packets(opus)
    nothing = tmp_path / "nothing.flv"
    nothing.write_bytes(b"this is no media at all")
    for reader in (probe, read_audio, read_video_packets, timeline):
        with pytest.raises(MediaUnreadable, match=r"nothing\.flv"):
            reader(nothing)
    with pytest.raises(MediaUnreadable, match="absent"):
        read_audio(tmp_path / "absent.mp4")


def test_cut_pads_with_silence() -> None:
    track = AudioTrack(np.ones(RATE_HZ, np.float32), 2.0, RATE_HZ)

    assert track.cut(1.5, 1.0).mean() == pytest.approx(0.5)
    assert track.cut(2.5, 1.0).mean() == pytest.approx(0.5)
    assert not track.cut(5, 1).any()
    assert track.end_s == 3


def test_levels() -> None:
    assert level_dbfs(silence(1)) == -120
    assert level_dbfs(silence(0)) == -120
    assert level_dbfs(np.ones(100, np.float32)) == pytest.approx(0)
