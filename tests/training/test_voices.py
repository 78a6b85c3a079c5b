"""Which voices may speak where."""

from __future__ import annotations

import numpy as np
import pytest

from fixtures.training.strangers import Split
from fixtures.training.synthesis_voice import TEACHER
from fixtures.training.voices import UNHEARD_VOICE, draw_voice

DRAWS = 2000


@pytest.mark.parametrize("split", ["train", "held-out"])
def test_the_unheard_voice_is_never_drawn(split: Split) -> None:
    rng = np.random.default_rng(0)

    assert UNHEARD_VOICE not in {draw_voice(rng, "en", split).name for _ in range(DRAWS)}


@pytest.mark.parametrize("split", ["train", "held-out"])
def test_the_teacher_of_the_synthesis_never_teaches_its_judge(split: Split) -> None:
    rng = np.random.default_rng(0)

    assert TEACHER.name not in {draw_voice(rng, "es", split).name for _ in range(DRAWS)}


def test_held_out_variants_are_not_trained_on() -> None:
    rng = np.random.default_rng(0)
    variants: dict[Split, set[str]] = {"train": set(), "held-out": set()}
    for split, seen in variants.items():
        names = (draw_voice(rng, "es", split).name for _ in range(DRAWS))
        seen |= {name.split("+")[1] for name in names if "+" in name}

    assert not variants["train"] & variants["held-out"]
