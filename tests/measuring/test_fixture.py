from __future__ import annotations

import hashlib
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from environment.measuring.media import AudioTrack, probe, read_video_packets
from environment.measuring.sound import level_dbfs
from environment.measuring.transcript import counting_words, word_error_rate
from fixtures.catalogue import CLIPS, find_plan
from fixtures.make_streams import main
from fixtures.picture import DARK_LUMA, FLASH_LUMA, Picture
from fixtures.sidecar import Sidecar, read_sidecar

PICTURE = Picture(CLIPS[0].width, CLIPS[0].height, CLIPS[0].fps, CLIPS[0].first_number)


@pytest.fixture(scope="module")
def sidecar(source: Path) -> Sidecar:
    return read_sidecar(source)


def test_clip_is_the_one_described(source: Path, sidecar: Sidecar) -> None:
    assert hashlib.sha256(source.read_bytes()).hexdigest() == sidecar.sha256
    assert source.stat().st_size < 3_000_000


def test_codecs_and_duration(source: Path) -> None:
    info = probe(source)

    assert info.duration_s == 30.0
    assert info.start_s == 0
    assert info.video is not None
    assert (info.video.codec, info.video.has_b_frames) == ("h264", 0)
    assert (info.video.width, info.video.height, info.video.fps) == (1280, 720, 30)
    assert info.video.pixel_format == "yuv420p"
    assert info.audio is not None
    assert (info.audio.codec, info.audio.profile) == ("aac", "LC")
    assert info.audio.sample_rate_hz == 48_000
    assert (info.video.duration_s, info.audio.duration_s) == (30.0, 30.0)


def test_keyframe_every_two_seconds_and_no_reordering(source: Path) -> None:
    packets = read_video_packets(source)

    assert len(packets) == 900
    assert [p.pts_s for p in packets if p.keyframe] == pytest.approx(list(range(0, 30, 2)))
    assert all(packet.pts_s == packet.dts_s for packet in packets)


def test_every_picture_is_unlike_the_others(source: Path) -> None:
    assert len({packet.slice_hash for packet in read_video_packets(source)}) == 900


def test_words_are_the_numbers_in_order(sidecar: Sidecar) -> None:
    assert [word.number for word in sidecar.words] == list(range(1, 31))
    assert word_error_rate(" ".join(counting_words(1, 30)), sidecar.transcript) == 0


def test_each_word_sounds_inside_its_own_second(said: AudioTrack, sidecar: Sidecar) -> None:
    for second, word in enumerate(sidecar.words):
        assert second < word.start_s < word.end_s < second + 1
        spoken = said.cut(word.start_s, word.end_s - word.start_s)
        before = said.cut(second, word.start_s - second)
        after = said.cut(word.end_s, second + 1 - word.end_s)
        assert level_dbfs(spoken) > -30, word
        assert max(level_dbfs(before), level_dbfs(after)) < -55, word


def test_first_word_is_late_and_the_others_centred(sidecar: Sidecar) -> None:
    first, *others = sidecar.words
    assert first.start_s > 0.5
    for word in others:
        assert (word.start_s + word.end_s) / 2 % 1 == pytest.approx(0.5, abs=0.001)


def test_flashes_are_where_the_sidecar_says(source: Path, sidecar: Sidecar) -> None:
    lit: list[bool] = []
    with av.open(str(source)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            corner = _luma(frame)[PICTURE.flash_box].mean()
            lit.append(bool(corner > (DARK_LUMA + FLASH_LUMA) / 2))

    said_lit = [
        any(flash.start_s <= number / 30 < flash.end_s - 1e-4 for flash in sidecar.flashes)
        for number in range(900)
    ]
    assert lit == said_lit
    assert len(sidecar.flashes) == 30


def _luma(frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
    plane = np.frombuffer(memoryview(frame.planes[0]), np.uint8)
    return plane.reshape(frame.height, -1)[:, : frame.width]


def test_drawn_frames_differ_and_keep_their_shape() -> None:
    first, second = PICTURE.draw(0), PICTURE.draw(1)

    assert first.shape == (720 * 3 // 2, 1280)
    assert (first != second).any()


def test_unknown_clip_is_refused_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["no-such-clip"])

    assert stopped.value.code == 2
    assert "30s-english-counting" in capsys.readouterr().err
    assert find_plan("30s-english-counting") == CLIPS[0]
