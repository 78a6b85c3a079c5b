"""The proofs that nothing is missing in what came out: each fails on what is not so."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from environment.expectations import ExpectationFailed
from environment.measuring.steadiness import Stretch
from environment.measuring.takes import own_clocks
from environment.proofs.continuity_proofs import prove_clock_unbroken, prove_pictures_out
from environment.session import CLIPS, MAIN_CLIP
from tests.measuring.making import Output, Sound, silence


def pictures(lost: tuple[float, ...], outputs: tuple[Path, ...], *starts_s: float) -> Any:
    segments = [{"number": n, "start_s": at, "duration_s": 2.0} for n, at in enumerate(starts_s)]
    return SimpleNamespace(
        lost_pictures=lost,
        outputs=outputs,
        segments=segments,
        stretches=(),
        source=own_clocks([CLIPS / MAIN_CLIP]),
        folder=Path("kept"),
    )


def test_a_lost_picture_is_noticed() -> None:
    prove_pictures_out(pictures((), ()))
    with pytest.raises(ExpectationFailed, match="2 pictures of the source missing"):
        prove_pictures_out(pictures((4.0, 4.1), ()))


def test_pictures_that_come_unevenly_are_noticed() -> None:
    told = pictures((), ())
    told.stretches = (Stretch(0.0, 90, 4.9, 1.0),)
    prove_pictures_out(told)
    told.stretches = (Stretch(0.0, 90, 0.0, 1.0), Stretch(6.0, 90, 450.0, 7.4))
    with pytest.raises(ExpectationFailed, match=r"450\.0 ms from their time, at 7\.40 s"):
        prove_pictures_out(told)


@pytest.mark.parametrize("frozen_s", [(0.0, 0.4), (7.0, 7.45)])
def test_a_picture_is_held_in_a_missed_head_only(
    frozen_s: tuple[float, float], tmp_path: Path
) -> None:
    def placed(at_s: float) -> Iterable[float]:
        return () if frozen_s[0] < at_s < frozen_s[1] else (at_s,)

    clip = CLIPS / MAIN_CLIP
    output = Output(Sound(silence(12)), placed).write(clip, tmp_path / "out.flv")
    told = pictures((), (output,))
    if frozen_s[0] == 0.0:
        prove_clock_unbroken(told)
        return
    with pytest.raises(ExpectationFailed, match="without gaps"):
        prove_clock_unbroken(told)


def test_a_gap_in_the_sound_is_noticed_unless_nobody_could_read_there(tmp_path: Path) -> None:
    clip = CLIPS / MAIN_CLIP
    output = Output(Sound(silence(6)), offset_s=0.1, audio_jumps={2.0: 1.5}).write(
        clip, tmp_path / "out.flv"
    )
    prove_pictures_out(pictures((), (output,), 0.0, 3.5))
    for read in ((0.0, 2.0), (0.0, 5.5)):
        with pytest.raises(ExpectationFailed, match="without a gap"):
            prove_pictures_out(pictures((), (output,), *read))
