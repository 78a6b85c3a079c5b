"""Which pictures are lost: told from outputs of which every missing picture is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from environment.measuring.account import Part
from environment.measuring.lost_pictures import lost_pictures
from environment.measuring.takes import one_clock, own_clocks
from tests.measuring.making import SEGMENT_S, Output, Sound, silence

PARTS = [Part(number, float(number * SEGMENT_S), float(SEGMENT_S)) for number in range(3)]
Shown = Callable[[float], bool]


def lost(source: Path, folder: Path, *shown: Shown, parts: list[Part] | None = None) -> list[float]:
    outputs = []
    for number, is_shown in enumerate(shown):

        def placed(source_s: float, is_shown: Shown = is_shown) -> Iterable[float]:
            return (source_s,) if is_shown(source_s) else ()

        begins_s = number * 2.0 * SEGMENT_S
        sound = Sound(silence(SEGMENT_S), begins_s)
        outputs.append(Output(sound, placed).write(source, folder / f"{number}.flv"))
    return list(lost_pictures(own_clocks([source]), one_clock(outputs), parts or PARTS))


def test_nothing_is_lost_where_all_is_shown(source: Path, tmp_path: Path) -> None:
    assert lost(source, tmp_path, lambda _at: True) == []


def test_one_picture_a_segment_is_not_enough(source: Path, tmp_path: Path) -> None:
    missing = lost(source, tmp_path, lambda at: at < SEGMENT_S or at >= 2 * SEGMENT_S)
    assert len(missing) > 90
    assert SEGMENT_S <= min(missing) < max(missing) < 2 * SEGMENT_S


def test_a_single_picture_is_missed(source: Path, tmp_path: Path) -> None:
    missing = lost(source, tmp_path, lambda at: not 6.0 <= at < 6.03)
    assert missing == pytest.approx([6.0], abs=0.04)


def test_the_head_that_a_join_cannot_have_is_no_loss(source: Path, tmp_path: Path) -> None:
    assert lost(source, tmp_path, lambda at: at >= 0.9) == []
    # Nor what nobody read, and the head of what was read behind it.
    apart = [PARTS[0], Part(1, 6.5, 5.5)]
    assert lost(source, tmp_path, lambda at: at < 4 or at >= 7.4, parts=apart) == []
    assert lost(source, tmp_path, lambda at: at < 4 or at >= 9, parts=apart)


def test_what_was_on_its_way_when_the_output_broke_is_no_loss(source: Path, tmp_path: Path) -> None:
    assert lost(source, tmp_path, lambda at: at < 7.5, lambda at: at >= 8) == []
    missing = lost(source, tmp_path, lambda at: at < 5.5, lambda at: at >= 8)
    assert missing
    assert min(missing) >= 5.5
