"""How evenly pictures come: told from outputs in which each is placed by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from environment.measuring.account import Part
from environment.measuring.steadiness import Stretch, stretches
from environment.measuring.takes import one_clock, own_clocks
from tests.measuring.making import SEGMENT_S, Output, Sound, silence

PARTS = [Part(number, float(number * SEGMENT_S), float(SEGMENT_S)) for number in range(3)]
Placed = Callable[[float], Iterable[float]]


def told(
    source: Path, folder: Path, placed: Placed, parts: list[Part] | None = None
) -> tuple[Stretch, ...]:
    output = Output(Sound(silence(12)), placed).write(source, folder / "out.flv")
    return stretches(own_clocks([source]), one_clock([output]), parts or PARTS)


def test_an_output_that_only_lags_is_steady(source: Path, tmp_path: Path) -> None:
    (stretch,) = told(source, tmp_path, lambda at: (at,))
    assert stretch.jitter_ms < 2
    assert stretch.pictures > 300


def test_pictures_that_are_late_for_a_while_are_seen(source: Path, tmp_path: Path) -> None:
    (stretch,) = told(source, tmp_path, lambda at: (at + (0.45 if 7.0 <= at < 10.0 else 0.0),))
    assert stretch.jitter_ms == pytest.approx(450, abs=2)
    assert 7.0 <= stretch.furthest_s < 10.0


def test_what_was_read_apart_may_be_moved_as_a_whole(source: Path, tmp_path: Path) -> None:
    apart = [PARTS[0], Part(1, 5.0, 7.0)]

    def placed(at: float) -> Iterable[float]:
        return (at,) if at < 4.0 else (at - 0.5,) if at >= 5.0 else ()

    assert [s.jitter_ms < 2 for s in told(source, tmp_path, placed, apart)] == [True, True]
    (together,) = told(source, tmp_path, placed)
    assert together.jitter_ms == pytest.approx(500, abs=2)


def test_a_stretch_tells_where_to_look() -> None:
    said = str(Stretch(6.0, 90, 450.0, 7.4))
    assert said == "from 6.00 s on: 90 pictures, up to 450.0 ms from their time, at 7.40 s"
