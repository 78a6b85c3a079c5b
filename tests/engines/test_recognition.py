"""What every recogniser does, whatever it is given."""

import time

import numpy as np
import pytest

from sts_service.audio import Mono
from sts_service.engines.registry import Engines
from tests.engines.speech import clipped, hum, middle, quiet, words
from tests.sts_service.sounds import RATE_HZ, counting, noise, number_word, spoken

TO_SIX = [number_word(number) for number in range(1, 7)]


def heard(engines: Engines, sound: Mono) -> str:
    text = engines.asr.recognize(sound, "en").value
    assert text == " ".join(text.split()), "one space between words, none around them"
    return text


@pytest.mark.parametrize("duration_s", [0.0, 0.02, 0.1, 6.0, 30.0])
def test_silence_has_no_words(engines: Engines, duration_s: float) -> None:
    assert heard(engines, quiet(duration_s)) == ""


def test_nor_has_the_hiss_of_a_good_microphone(engines: Engines) -> None:
    assert heard(engines, noise(6.0, rms=0.0005)) == ""


# Some recognisers take longer for noise than it lasts: of a whole fragment once is enough.
@pytest.mark.parametrize("rms", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("duration_s", [0.001, 0.1, 1.5])
def test_noise_is_survived(engines: Engines, duration_s: float, rms: float) -> None:
    heard(engines, noise(duration_s, rms=rms))


def test_a_fragment_of_noise_is_survived(engines: Engines) -> None:
    heard(engines, noise(6.0, rms=0.1))


def test_a_tone_is_survived(engines: Engines) -> None:
    heard(engines, hum(2.0))


def test_a_tenth_of_a_second_is_survived(engines: Engines) -> None:
    heard(engines, middle("seven", 0.1))


def test_numbers(engines: Engines) -> None:
    assert words(heard(engines, counting(1, 6))) == TO_SIX


def test_half_a_minute_in_one_piece(engines: Engines) -> None:
    started_s = time.process_time()
    assert len(words(heard(engines, counting(1, 30)))) >= 6
    assert time.process_time() - started_s < 30


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 96_000])
def test_any_sample_rate(engines: Engines, rate_hz: int) -> None:
    heard(engines, counting(1, 6).at(rate_hz))


def test_the_rate_of_a_compact_disc_is_heard_as_well(engines: Engines) -> None:
    assert words(heard(engines, counting(1, 6).at(44_100))) == TO_SIX


@pytest.mark.parametrize("gain", [4.0, 1000.0])
def test_clipping_is_survived(engines: Engines, gain: float) -> None:
    heard(engines, clipped(counting(1, 6), gain))


@pytest.mark.parametrize("samples", [[np.nan] * 4_800, [np.inf] * 4_800, [2.0, -7.0] * 4_800])
def test_impossible_samples_are_survived(engines: Engines, samples: list[float]) -> None:
    heard(engines, Mono(np.array(samples, np.float32), RATE_HZ))


def test_what_was_heard_before_does_not_matter(engines: Engines) -> None:
    first = heard(engines, counting(13, 15))
    for other in (noise(0.5), quiet(0.1), counting(1, 3), clipped(spoken("nine"), 20)):
        heard(engines, other)
    assert heard(engines, counting(13, 15)) == first
    assert heard(engines, counting(13, 15)) == first


def test_the_model_is_named(engines: Engines) -> None:
    assert engines.asr.model
    assert "en" in engines.asr.languages
