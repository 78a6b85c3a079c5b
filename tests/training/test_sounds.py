"""Sounds without words, and scenes of clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fixtures.training import sounds
from fixtures.training.bank import KINDS
from fixtures.training.codec import through_aac
from fixtures.training.scenes import Scene, Scenery, Strange
from fixtures.training.voices import RATE_HZ
from fixtures.world import UNITS

CLIP_SAMPLES = RATE_HZ // 2


@pytest.mark.parametrize("make", [sounds.noise, sounds.hum, sounds.music])
@pytest.mark.parametrize("length", [1, 1600, 3 * RATE_HZ])
def test_a_sound_has_the_length_and_level_asked_for(make: object, length: int) -> None:
    assert callable(make)
    sound = make(np.random.default_rng(2), length)

    assert sound.shape == (length,)
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()
    if length > 1:
        assert np.sqrt(np.mean(np.square(sound))) == pytest.approx(1.0, abs=0.01)


def test_aac_keeps_length_and_timing() -> None:
    time_s = np.arange(RATE_HZ) / RATE_HZ
    tone = (0.3 * np.sin(2 * np.pi * 440 * time_s) * (time_s > 0.5)).astype(np.float32)

    decoded = through_aac(tone)

    assert decoded.shape == tone.shape
    assert np.corrcoef(tone, decoded)[0, 1] > 0.98


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    units: dict[str, list[tuple[int, ...]]] = {
        "units": [(unit,) for unit in range(len(UNITS))],
        "utterances": [(1, 2), (3,)],
        "strangers": [(), ()],
        "music": [()],
    }
    for kind in KINDS:
        clips = units[kind]
        lengths = [8 * RATE_HZ if kind == "music" else CLIP_SAMPLES] * len(clips)
        samples = rng.integers(-9000, 9000, sum(lengths)).astype(np.int16)
        np.save(tmp_path / f"{kind}.npy", samples)
        starts = [0, *np.cumsum(lengths).tolist()]
        index = {"starts": starts, "units": clips, "voices": ["none"] * len(clips)}
        (tmp_path / f"{kind}.json").write_text(json.dumps(index))
    return tmp_path


def draw(bank: Path, strange_share: float, longest_s: float, count: int = 40) -> list[Scene]:
    scenery = Scenery(bank, Strange(share=strange_share, scrambled=0.3))
    return [scenery.draw(np.random.default_rng([5, step]), longest_s) for step in range(count)]


@pytest.mark.parametrize("longest_s", [3.15, 6.9, 29.5])
def test_a_scene_keeps_its_bounds(bank: Path, longest_s: float) -> None:
    for scene in draw(bank, 0.3, longest_s):
        assert len(scene.samples) <= longest_s * RATE_HZ
        assert np.abs(scene.samples).max(initial=0.0) <= 1.0
        assert all(0 <= span.start_s < span.end_s <= longest_s for span in scene.spans)


def test_a_scene_tells_what_is_said_in_it(bank: Path) -> None:
    for scene in draw(bank, 0.0, 6.9):
        assert scene.units
        assert scene.units == tuple(unit for span in scene.spans for unit in span.units)


def test_strange_scenes_say_nothing(bank: Path) -> None:
    assert not any(scene.units or scene.spans for scene in draw(bank, 1.0, 6.9))


def test_strange_speech_is_set_in_time_as_the_world_s_is(bank: Path) -> None:
    """In clean scenes there is quiet around both: that must not tell the one from the other."""
    for share in (0.0, 1.0):
        scenery = Scenery(bank, Strange(share=share, speech=1.0))
        scenes = [scenery.draw(np.random.default_rng([5, n]), 6.9, hardness=0.0) for n in range(40)]
        quiet = [float(np.mean(scene.samples == 0)) for scene in scenes]
        assert np.mean([part > 0.2 for part in quiet]) > 0.8


def test_equal_steps_make_equal_scenes(bank: Path) -> None:
    for one, other in zip(draw(bank, 0.3, 6.9), draw(bank, 0.3, 6.9), strict=True):
        assert np.array_equal(one.samples, other.samples)
        assert one.units == other.units
