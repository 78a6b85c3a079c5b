from __future__ import annotations

import pytest

from environment.measuring.media import VideoPacket
from environment.measuring.picture_map import PictureUnmappable, map_pictures

FRAME_S = 0.04


def pictures(names: str, start_s: float = 0.0) -> list[VideoPacket]:
    times_s = [start_s + index * FRAME_S for index in range(len(names))]
    return [
        VideoPacket(pts_s=at_s, dts_s=at_s, keyframe=False, slice_hash=name)
        for at_s, name in zip(times_s, names, strict=True)
    ]


def test_all_there_and_later() -> None:
    found = map_pictures(pictures("abcdefgh"), pictures("abcdefgh", 5.0))

    assert (found.matched, found.missing, found.repeated, found.foreign) == (8, 0, 0, 0)
    assert found.untouched
    assert found.output_time(0.0, 1.0) == pytest.approx(5.0)
    assert found.output_time(0.05, 1.0) == pytest.approx(5.05)


def test_head_and_middle_missing() -> None:
    found = map_pictures(pictures("abcdefgh"), pictures("cdfgh"))

    assert (found.missing, found.missing_head) == (3, 2)
    assert found.untouched


def test_held_picture_counts_where_it_goes_on() -> None:
    found = map_pictures(pictures("abcdefgh"), pictures("cccdefgh"))

    assert found.repeated == 2
    assert found.output_s[0] == pytest.approx(2 * FRAME_S)
    assert found.untouched


def test_order_is_noticed() -> None:
    found = map_pictures(pictures("abcdefgh"), pictures("abefcdgh"))

    assert found.out_of_order == 2
    assert not found.untouched


def test_foreign_picture_is_noticed() -> None:
    found = map_pictures(pictures("abcdefgh"), pictures("abcXdefgh"))

    assert found.foreign == 1
    assert not found.untouched


def test_pictures_that_look_alike_are_not_used() -> None:
    found = map_pictures(pictures("abcaefgh"), pictures("aefgh"))

    assert found.source_s[0] == pytest.approx(4 * FRAME_S)
    assert found.missing == 2
    assert found.untouched


def test_picture_that_never_changes_cannot_be_mapped() -> None:
    with pytest.raises(PictureUnmappable, match="8 of which look alike"):
        map_pictures(pictures("aaaabbbb"), pictures("aaaabbbb"))


def test_nothing_and_something_else_cannot_be_mapped() -> None:
    for output in ("", "stuvwxyz"):
        with pytest.raises(PictureUnmappable, match="only 0"):
            map_pictures(pictures("abcdefgh"), pictures(output))


def test_no_time_without_a_picture() -> None:
    found = map_pictures(pictures("abcdefgh"), pictures("abcd"))

    assert found.output_time(4 * FRAME_S, 8 * FRAME_S) is None
