"""Whole fragments through all three stages."""

from dataclasses import replace

import jiwer
import numpy as np
import pytest

from services.contracts import ErrorCode, Stage
from sts_service.audio import Mono, from_pcm, is_silent, onset_s, to_pcm
from sts_service.engines.base import EngineOptions
from sts_service.engines.registry import Engines
from sts_service.job import FragmentJob, Outcome
from sts_service.pipeline import dub
from tests.sts_service.fake_asr import FAIL_LEVEL, STUMBLE_LEVEL
from tests.sts_service.fake_tts import Engine as FakeVoice
from tests.sts_service.sounds import RATE_HZ, SEGMENT_SAMPLES, counting, level, number_word, spoken

FIRST_NUMBERS = (1, 13, 25)
"""Of the five fragments of a count to thirty: units, teens, and compounds."""

SPANISH = (
    "uno dos tres cuatro cinco seis",
    "trece catorce quince dieciséis diecisiete dieciocho",
    "veinticinco veintiséis veintisiete veintiocho veintinueve treinta",
)


def job(pcm: bytes, *, channels: int = 1, rate_hz: int = RATE_HZ) -> FragmentJob:
    return FragmentJob(pcm, rate_hz, channels, "en", "es")


def dubbed_sound(outcome: Outcome, channels: int = 1) -> Mono:
    assert outcome.dubbed_pcm is not None
    return from_pcm(outcome.dubbed_pcm, rate_hz=RATE_HZ, channels=channels)


@pytest.fixture(scope="module")
def counted(embedded: Engines) -> list[Outcome]:
    """Three fragments of the counting track, dubbed by the real engines."""
    pieces = [counting(first, first + 5).samples for first in FIRST_NUMBERS]
    return [dub(embedded, job(to_pcm(piece, channels=2), channels=2)) for piece in pieces]


def test_counting_is_heard_without_an_error(counted: list[Outcome]) -> None:
    numbers = [first + after for first in FIRST_NUMBERS for after in range(6)]
    expected = " ".join(map(number_word, numbers))
    heard = " ".join(outcome.transcript or "" for outcome in counted)
    assert jiwer.wer(expected, heard) == 0, heard


def test_counting_is_translated(counted: list[Outcome]) -> None:
    assert tuple((outcome.translated_text or "").lower() for outcome in counted) == SPANISH


def test_every_dub_has_its_fragments_format_and_length(counted: list[Outcome]) -> None:
    assert {len(outcome.dubbed_pcm or b"") for outcome in counted} == {SEGMENT_SAMPLES * 4}
    assert not any(is_silent(dubbed_sound(outcome, channels=2)) for outcome in counted)
    assert all(set(outcome.stage_ms) == set(Stage) for outcome in counted)


def test_same_fragment_same_dub(embedded: Engines) -> None:
    word = job(to_pcm(spoken("seven").samples, channels=1))
    first, second = dub(embedded, word), dub(embedded, word)
    assert first.transcript == second.transcript == "seven"
    assert first.dubbed_pcm == second.dubbed_pcm


def test_silence_is_a_success_without_words(fakes: Engines) -> None:
    outcome = dub(fakes, job(bytes(RATE_HZ * 2)))
    assert (outcome.transcript, outcome.translated_text) == ("", "")
    assert outcome.dubbed_pcm == bytes(RATE_HZ * 2)
    assert outcome.failure is None


def test_the_dub_starts_where_the_speech_does(fakes: Engines) -> None:
    pcm = bytes(2 * 2 * RATE_HZ) + level(0.3, 1.0) + bytes(2 * 3 * RATE_HZ)
    outcome = dub(fakes, job(pcm))
    assert outcome.translated_text == "tres"
    assert onset_s(dubbed_sound(outcome)) == pytest.approx(2.0, abs=0.06)


def test_a_dub_that_would_not_fit_starts_earlier(fakes: Engines) -> None:
    pcm = bytes(2 * RATE_HZ) + level(0.4, 0.1)
    sound = dubbed_sound(dub(fakes, job(pcm)))
    assert sound.samples.size == round(1.1 * RATE_HZ)
    assert 0.35 <= onset_s(sound) <= 0.5


def test_a_dub_that_is_too_long_is_sped_up(fakes: Engines) -> None:
    outcome = dub(fakes, job(level(0.4, 0.4)))
    sound = dubbed_sound(outcome)
    assert outcome.translated_text == "cuatro"
    assert sound.samples.size == round(0.4 * RATE_HZ)
    tail = sound.samples[-round(0.003 * RATE_HZ) :]
    assert np.abs(tail).max() < 0.4, "sped up, the end of the speech is there, or faded"


def test_a_dub_that_is_too_long_even_so_is_cut_and_says_it(fakes: Engines) -> None:
    outcome = dub(fakes, job(level(0.4, 0.2)))
    sound = dubbed_sound(outcome)
    assert sound.samples.size == round(0.2 * RATE_HZ)
    assert not is_silent(sound)
    assert outcome.failure is not None
    assert outcome.failure.stage is Stage.TTS
    assert not outcome.failure.retryable
    assert outcome.failure.message == (
        "the dub is too long: 0.3 s at 2.0 times the normal speed for a segment of 0.2 s; "
        "its last 0.1 s are cut off"
    )


class Sluggish(FakeVoice):
    """Its speech does not get shorter in proportion, as with espeak-ng."""

    def __init__(self, exponent: float) -> None:
        super().__init__(EngineOptions())
        self._exponent = exponent
        self.speeds: list[float] = []

    def _synthesize(self, text: str, language: str, speed: float) -> Mono:
        self.speeds.append(speed)
        return super()._synthesize(text, language, speed**self._exponent)


def test_nothing_is_cut_while_it_could_be_spoken_faster(fakes: Engines) -> None:
    sluggish = Sluggish(0.25)
    outcome = dub(replace(fakes, tts=sluggish), job(level(0.4, 0.51)))
    assert outcome.failure is None
    assert sluggish.speeds == sorted(sluggish.speeds)
    assert sluggish.speeds[-1] == sluggish.max_speed


def test_the_speed_that_is_told_is_the_one_that_was_spoken(fakes: Engines) -> None:
    sluggish = Sluggish(0.1)
    outcome = dub(replace(fakes, tts=sluggish), job(level(0.4, 0.5)))
    assert sluggish.speeds[-1] == sluggish.max_speed
    assert outcome.failure is not None
    assert "0.6 s at 2.0 times the normal speed for a segment of 0.5 s" in outcome.failure.message


class Odd(FakeVoice):
    """Makes something that is no sound."""

    def __init__(self, sound: Mono) -> None:
        super().__init__(EngineOptions())
        self._sound = sound

    def _synthesize(self, text: str, language: str, speed: float) -> Mono:
        return self._sound


@pytest.mark.parametrize(
    "sound",
    [Mono(np.full(800, np.nan, np.float32), 16_000), Mono(np.ones(800, np.float32), -1)],
    ids=["no numbers", "no rate"],
)
def test_what_is_no_sound_is_the_synthesis_failure(fakes: Engines, sound: Mono) -> None:
    outcome = dub(replace(fakes, tts=Odd(sound)), job(level(0.4)))
    assert (outcome.transcript, outcome.translated_text) == ("four", "cuatro")
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.stage) == (ErrorCode.MODEL_ERROR, Stage.TTS)
    assert outcome.failure.message.startswith("tts failed: ")
    assert not outcome.failure.retryable


def test_a_failed_stage_keeps_what_was_made_before_it(fakes: Engines) -> None:
    outcome = dub(fakes, job(level(0.8)))
    assert outcome.transcript == "eight"
    assert outcome.translated_text is None
    assert outcome.dubbed_pcm is None
    assert outcome.failure is not None
    assert outcome.failure.stage is Stage.TRANSLATION
    assert outcome.failure.code is ErrorCode.MODEL_ERROR
    assert not outcome.failure.retryable


def test_a_failed_recogniser_leaves_nothing(fakes: Engines) -> None:
    outcome = dub(fakes, job(level(FAIL_LEVEL)))
    assert outcome.transcript is None
    assert outcome.failure is not None
    assert outcome.failure.stage is Stage.ASR


def test_a_stumble_is_not_noticed(fakes: Engines) -> None:
    assert dub(fakes, job(level(STUMBLE_LEVEL))).failure is None


@pytest.mark.parametrize(("rate_hz", "channels"), [(8_000, 1), (44_100, 2), (96_000, 1)])
def test_any_format_of_the_contract(fakes: Engines, rate_hz: int, channels: int) -> None:
    hum = np.sin(np.arange(rate_hz // 2) * 2 * np.pi * 440 / rate_hz).astype(np.float32) * 0.3
    outcome = dub(fakes, job(to_pcm(hum, channels=channels), channels=channels, rate_hz=rate_hz))
    assert outcome.transcript == "three"
    assert outcome.dubbed_pcm is not None
    assert len(outcome.dubbed_pcm) == hum.size * 2 * channels
