from __future__ import annotations

import pytest

from environment.proofs.equivalents import NotOfThisWorld, spanish_of, words_of
from fixtures.catalogue import CLIPS
from fixtures.sidecar import read_sidecar
from fixtures.world import UNITS


@pytest.mark.parametrize(
    ("english", "spanish"),
    [
        ("", ""),
        ("one two", "uno dos"),
        ("Twenty-one, one hundred.", "veintiuno cien"),
        ("twenty one", "veintiuno"),
        ("twenty twenty one one", "veinte veintiuno uno"),
        ("hello world the door is closed", "hola mundo la puerta está cerrada"),
    ],
)
def test_the_world_s_spanish(english: str, spanish: str) -> None:
    assert spanish_of(english) == spanish


def test_every_unit_and_every_clip_is_known() -> None:
    for unit in UNITS:
        assert spanish_of(unit.english) == unit.spanish
    for clip in CLIPS:
        assert spanish_of(read_sidecar(clip.path).transcript)


def test_what_the_world_does_not_know_is_said() -> None:
    with pytest.raises(NotOfThisWorld, match="'the cat sat'"):
        spanish_of("one the cat sat")


def test_accents_are_part_of_a_word() -> None:
    assert words_of("¡Buenos días!") == ("buenos", "días")
    assert words_of("está") != words_of("esta")
