"""What all three stages together make of a fragment, whatever is in it."""

from dataclasses import dataclass

import numpy as np
import pytest

from services.contracts import ErrorCode, Stage
from sts_service.audio import Mono, from_pcm, is_silent, to_pcm
from sts_service.engines.base import EngineOptions, Recognizer, Synthesizer, Translator
from sts_service.engines.registry import Engines, Selection, describe
from sts_service.job import FragmentJob, Outcome
from sts_service.pipeline import dub
from tests.engines.speech import beginning, clipped, hum, middle, quiet, words
from tests.sts_service.fake_asr import FAIL_LEVEL
from tests.sts_service.fake_asr import Engine as FakeRecognizer
from tests.sts_service.sounds import counting, noise, spoken

SPANISH = ["uno", "dos", "tres", "cuatro", "cinco", "seis"]


@dataclass(frozen=True)
class Dubbed:
    """A fragment's outcome, with its dub as sound; None where there is no dub."""

    outcome: Outcome
    sound: Mono | None


def dubbed(engines: Engines, sound: Mono, *, channels: int = 1) -> Dubbed:
    pcm = to_pcm(sound.samples, channels=channels)
    outcome = dub(engines, FragmentJob(pcm, sound.rate_hz, channels, "en", "es"))
    if outcome.dubbed_pcm is None:
        return Dubbed(outcome, None)
    assert len(outcome.dubbed_pcm) == len(pcm), "a dub is exactly as long as its fragment"
    return Dubbed(outcome, from_pcm(outcome.dubbed_pcm, rate_hz=sound.rate_hz, channels=channels))


@pytest.mark.parametrize("duration_s", [0.1, 6.0, 30.0])
def test_silence_is_a_success_of_its_own_length(engines: Engines, duration_s: float) -> None:
    result = dubbed(engines, quiet(duration_s), channels=2)
    assert result.outcome.failure is None
    assert (result.outcome.transcript, result.outcome.translated_text) == ("", "")
    assert result.sound is not None
    assert not result.sound.samples.any()


def test_counting_is_dubbed(engines: Engines) -> None:
    result = dubbed(engines, counting(1, 6), channels=2)
    assert result.outcome.failure is None
    assert words(result.outcome.translated_text or "") == SPANISH
    assert result.sound is not None
    assert not is_silent(result.sound)
    assert set(result.outcome.stage_ms) == set(Stage)


def test_the_format_of_a_compact_disc(engines: Engines) -> None:
    result = dubbed(engines, counting(1, 6).at(44_100), channels=2)
    assert result.outcome.failure is None
    assert words(result.outcome.translated_text or "") == SPANISH


@pytest.mark.parametrize(
    "sound",
    [
        counting(1, 30),
        clipped(counting(1, 6), 50),
        beginning(counting(7, 12), 3.3),
    ],
    ids=["30 s", "clipping", "cut off"],
)
def test_speech_is_dubbed_however_it_comes(engines: Engines, sound: Mono) -> None:
    result = dubbed(engines, sound)
    assert result.outcome.failure is None
    assert result.sound is not None


@pytest.mark.parametrize(
    "sound",
    [middle("seven", 0.1), noise(2.0), noise(0.1, rms=0.5), hum(2.0)],
    ids=["100 ms", "noise", "loud short noise", "tone"],
)
def test_whatever_comes_ends_in_an_outcome(engines: Engines, sound: Mono) -> None:
    result = dubbed(engines, sound)
    assert result.outcome.failure is not None or result.sound is not None
    if result.outcome.failure is not None:
        assert result.outcome.failure.stage is not None


def test_same_fragment_same_dub(engines: Engines) -> None:
    first = dubbed(engines, counting(13, 18)).outcome
    dubbed(engines, noise(0.5))
    second = dubbed(engines, counting(13, 18)).outcome
    assert first.transcript == second.transcript
    assert first.translated_text == second.translated_text
    assert first.dubbed_pcm == second.dubbed_pcm


class Talkative(FakeRecognizer):
    """Hears far more than anybody could say in the time."""

    def _recognize(self, samples: object, language: str) -> str:
        return " ".join(["one two three four five six seven eight nine ten"] * 3)


def test_too_much_to_say_is_sped_up_to_the_limit_and_then_partial(engines: Engines) -> None:
    talkative = Engines(Talkative(EngineOptions()), engines.translation, engines.tts)
    result = dubbed(talkative, beginning(hum(2.0), 2.0))
    failure = result.outcome.failure
    assert failure is not None
    assert (failure.code, failure.stage) == (ErrorCode.MODEL_ERROR, Stage.TTS)
    assert f"{engines.tts.max_speed:.1f} times the normal speed" in failure.message
    assert "cut off" in failure.message
    assert result.outcome.transcript
    assert result.outcome.translated_text
    assert result.sound is not None
    assert not is_silent(result.sound)


def test_a_failing_recogniser_is_told_by_its_stage(engines: Engines) -> None:
    failing = Engines(FakeRecognizer(EngineOptions()), engines.translation, engines.tts)
    result = dubbed(failing, hum(0.5, peak=FAIL_LEVEL))
    assert result.outcome.failure is not None
    assert result.outcome.failure.stage is Stage.ASR


@pytest.mark.parametrize(
    ("stage", "method"),
    [
        (Stage.ASR, "_recognize"),
        (Stage.TRANSLATION, "_translate"),
        (Stage.TTS, "_synthesize"),
    ],
)
def test_a_model_that_fails_inside_is_told_by_its_stage(
    engines: Engines, monkeypatch: pytest.MonkeyPatch, stage: Stage, method: str
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("tensors of two sizes")

    stages: dict[Stage, Recognizer | Translator | Synthesizer] = {
        Stage.ASR: engines.asr,
        Stage.TRANSLATION: engines.translation,
        Stage.TTS: engines.tts,
    }
    engine = stages[stage]
    monkeypatch.setattr(engine, method, fails)
    failure = dubbed(engines, counting(1, 3)).outcome.failure
    assert failure is not None
    assert (failure.code, failure.stage) == (ErrorCode.MODEL_ERROR, stage)
    assert failure.message == f"{engine.name} failed: RuntimeError: tensors of two sizes"
    assert not failure.retryable


def test_speech_becomes_other_speech(engines: Engines) -> None:
    source = spoken("one")
    result = dubbed(engines, Mono(np.pad(source.samples, 24_000), source.rate_hz))
    assert result.sound is not None
    assert not is_silent(result.sound)


def test_engines_and_models_are_named(engines: Engines, selection: Selection) -> None:
    info = describe(selection, engines)
    assert info.profile == selection.profile
    for stage, choice in selection.choices().items():
        assert info.label(stage).startswith(f"{choice.provider}:")
    assert ("en", "es") in info.pairs
