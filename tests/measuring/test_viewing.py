"""What is seen: still, black and damaged pictures of known place and length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from environment.measuring.sound import MediaUnreadable
from environment.measuring.stillness import (
    Stretch,
    beyond,
    black_stretches,
    difference,
    still_stretches,
)
from environment.measuring.viewing import HEIGHT, WIDTH, view
from tests.measuring.making import Output, Sound, silence, tone

FPS = 30
FRAMES = 4 * FPS

Drawn = Callable[[int], np.ndarray]


def moving(number: int) -> np.ndarray:
    """A bright bar that moves on, on dark ground."""
    luma = np.full((180, 320), 40, np.uint8)
    luma[:, 8 * (number % 36) : 8 * (number % 36) + 16] = 200
    return luma


def film(path: Path, draw: Drawn) -> Path:
    with av.open(str(path), "w") as made:
        stream = made.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(FRAMES):
            planes = np.concatenate([draw(number), np.full((90, 320), 128, np.uint8)])
            made.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        made.mux(stream.encode(None))
    return path


def longest(stretches: tuple[Stretch, ...]) -> Stretch:
    return max(stretches, key=lambda stretch: stretch.duration_s)


def test_a_moving_picture_stands_still_for_a_frame_at_a_time(tmp_path: Path) -> None:
    seen = view(film(tmp_path / "film.mp4", moving))

    assert seen.luma.shape == (FRAMES, HEIGHT, WIDTH)
    assert seen.times_s == pytest.approx(np.arange(FRAMES) / FPS, abs=0.001)
    assert seen.end_s == pytest.approx(4, abs=0.001)
    assert seen.faults == ""
    assert longest(still_stretches(seen)).duration_s == pytest.approx(1 / FPS, abs=0.001)
    assert len(still_stretches(seen)) == FRAMES
    assert black_stretches(seen) == ()


def test_a_frozen_picture_is_still_though_it_is_encoded_again(tmp_path: Path) -> None:
    seen = view(film(tmp_path / "film.mp4", lambda n: moving(min(n, 30) if n < 75 else n)))

    stretch = longest(still_stretches(seen))

    assert (stretch.start_s, stretch.end_s) == pytest.approx((1.0, 2.5), abs=0.001)


def test_a_picture_frozen_to_the_end_is_still(tmp_path: Path) -> None:
    stretch = longest(
        still_stretches(view(film(tmp_path / "film.mp4", lambda n: moving(min(n, 30)))))
    )

    assert (stretch.start_s, stretch.end_s) == pytest.approx((1.0, 4.0), abs=0.001)


def test_a_hole_without_any_picture_is_still(source: Path, tmp_path: Path) -> None:
    made = Output(Sound(tone(4)), placement=lambda at: () if 1.99 < at < 2.99 else (at,), until_s=4)

    stretch = longest(still_stretches(view(made.write(source, tmp_path / "out.flv"))))

    assert stretch.start_s == pytest.approx(59 / FPS + made.offset_s, abs=0.002)
    assert stretch.duration_s == pytest.approx(1 + 1 / FPS, abs=0.002)


@pytest.mark.parametrize("level", [16, 28])
def test_black_is_black_though_it_is_noisy(tmp_path: Path, level: int) -> None:
    noise = np.random.default_rng(3)

    def draw(number: int) -> np.ndarray:
        dark = noise.integers(level, level + 4, (180, 320)).astype(np.uint8)
        return dark if 30 <= number < 60 else moving(number)

    (stretch,) = black_stretches(view(film(tmp_path / "film.mp4", draw)))

    assert (stretch.start_s, stretch.end_s) == pytest.approx((1.0, 2.0), abs=0.001)


def test_pictures_that_differ_in_one_place_differ(tmp_path: Path) -> None:
    def marked(number: int) -> np.ndarray:
        luma = moving(number)
        if number == 50:
            luma[100:116, 300:316] = 90
        return luma

    one, other = (view(film(tmp_path / f"{draw.__name__}.mp4", draw)) for draw in (moving, marked))
    apart = difference(one.luma, other.luma)

    assert int(np.argmax(apart)) == 50
    assert apart[50] > 30
    assert np.sort(apart)[-2] < 10


def test_what_is_beyond_the_allowed() -> None:
    allowed = (Stretch(0, 1), Stretch(2, 3))

    assert beyond(Stretch(0.5, 2.5), allowed) == pytest.approx(1)
    assert beyond(Stretch(0.2, 0.9), allowed) == pytest.approx(0)
    assert beyond(Stretch(3, 4), allowed) == pytest.approx(1)


def test_damage_is_told(source: Path, tmp_path: Path) -> None:
    path = Output(Sound(silence(4)), until_s=4, container="mp4").write(source, tmp_path / "out.mp4")
    data = bytearray(path.read_bytes())
    # In the middle of the coded pictures; their lengths and places stand at the end.
    data[30_000:31_000] = bytes(1000)
    path.write_bytes(data)

    assert view(path).faults != ""


def test_damage_to_the_structure_is_told_or_cannot_be_viewed(source: Path, tmp_path: Path) -> None:
    path = Output(Sound(silence(4)), until_s=4).write(source, tmp_path / "out.flv")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3072] = bytes(range(256)) * 12
    path.write_bytes(data)

    # The demuxer gives up at once, or finds its way back after some tags: both were seen.
    try:
        faults = view(path).faults
    except MediaUnreadable as unreadable:
        faults = str(unreadable)
        assert "to its end" in faults
    assert faults != ""


def test_what_lost_its_end_on_disk_is_told(source: Path, tmp_path: Path) -> None:
    path = Output(Sound(silence(4)), until_s=4, container="mp4").write(
        source, tmp_path / "whole.mp4"
    )
    moved_front = Output(
        Sound(silence(4)), until_s=4, container="mp4", options={"movflags": "faststart"}
    ).write(source, tmp_path / "front.mp4")
    assert view(path).faults == view(moved_front).faults == ""
    moved_front.write_bytes(moved_front.read_bytes()[:-20_000])

    assert view(moved_front).faults != ""


def test_what_has_no_picture_cannot_be_viewed(tmp_path: Path) -> None:
    with pytest.raises(MediaUnreadable, match="no video"):
        view(Path(__file__).parent / "data" / "spanish_1_to_18.mp4")
    with pytest.raises(MediaUnreadable, match="absent"):
        view(tmp_path / "absent.mp4")
