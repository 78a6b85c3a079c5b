"""The echo: sound comes back as it went in, and everything says that it is one."""

from __future__ import annotations

import numpy as np
import pytest

from services.contracts import Stage
from sts_service import echo
from sts_service.engines.base import EngineOptions
from sts_service.engines.registry import PROFILES, available, describe, load
from sts_service.job import FragmentJob
from sts_service.pipeline import dub
from sts_service.settings import Settings


def make_job(debug_delay_s: float = 0.0) -> FragmentJob:
    noise = np.random.default_rng(7).integers(-2000, 2000, 2 * 4800, dtype="<i2")
    return FragmentJob(noise.tobytes(), 48_000, 2, "en", "es", debug_delay_s=debug_delay_s)


def test_the_sound_comes_back_byte_for_byte_with_the_mark_in_place_of_words() -> None:
    job = make_job()
    outcome = dub(load(PROFILES["echo"]), job)
    assert outcome.failure is None
    assert outcome.dubbed_pcm == job.pcm
    assert (outcome.transcript, outcome.translated_text) == (echo.MARK, echo.MARK)
    assert set(outcome.stage_ms) == set(Stage)


def test_silence_comes_back_as_well() -> None:
    job = FragmentJob(bytes(9600), 48_000, 1, "en", "es")
    assert dub(load(PROFILES["echo"]), job).dubbed_pcm == job.pcm


def test_it_takes_as_long_as_it_is_told() -> None:
    outcome = dub(load(PROFILES["echo"]), make_job(debug_delay_s=0.05))
    assert outcome.stage_ms[Stage.ASR] == 50


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_is_named_an_echo(stage: Stage) -> None:
    selection = PROFILES["echo"]
    info = describe(selection, load(selection))
    assert info.profile == "echo"
    assert info.label(stage) == "echo:none"


def test_it_is_had_as_a_whole_and_not_stage_by_stage() -> None:
    assert all("echo" not in available(stage) for stage in Stage)
    assert Settings(sts_profile="echo").selection.profile == "echo"


def test_any_pair_of_two_languages_is_served() -> None:
    engine = echo.Engine(EngineOptions())
    assert ("en", "es") in engine.pairs
    assert all(source != target for source, target in engine.pairs)
