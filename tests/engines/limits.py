"""How well a profile's recogniser hears: ``python -m tests.engines.limits --profile embedded``.

Prints Markdown tables of the word error rate by noise and by voice, over a count from one to
thirty in five fragments of six seconds, as in the counting clips. Needs flite, espeak-ng and
festival with the voices of ``VOICES``.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from functools import cache

import jiwer
import numpy as np

from fixtures.training.voices import RATE_HZ, Samples, Voice, say
from fixtures.world import SENTENCES
from services.contracts import Stage
from sts_service.audio import Mono
from sts_service.engines.base import Recognizer
from sts_service.engines.registry import PROFILES, load_engine
from sts_service.library_environment import prepare_environment
from sts_service.settings import Settings
from tests.engines.speech import words
from tests.sts_service.sounds import number_word

CLIP_VOICE = Voice("flite", "awb", 0, 1.0)
VOICES = {
    "flite awb": CLIP_VOICE,
    "flite slt": Voice("flite", "slt", 0, 1.0),
    "flite rms": Voice("flite", "rms", 0, 1.0),
    "flite kal": Voice("flite", "kal", 0, 1.0),
    "flite kal16": Voice("flite", "kal16", 0, 1.0),
    "festival kal": Voice("festival", "kal_diphone", 105, 1.0),
    "festival ked": Voice("festival", "ked_diphone", 105, 1.0),
    "festival slt": Voice("festival", "cmu_us_slt_arctic_hts", 170, 1.0),
    "espeak-ng en-us": Voice("espeak-ng", "en-us", 50, 1.0),
    "espeak-ng en-gb": Voice("espeak-ng", "en-gb", 50, 1.0),
}
RATIOS_DB = (30, 20, 15, 10, 5)
NUMBERS = 30
FRAGMENT_NUMBERS = 6

_LONGEST_NUMBER_S = 0.92
_STRETCHES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
_BABBLERS = ("slt", "kal16", "rms", "slt", "kal", "awb")
_SEED = 7

Noise = Callable[[int], Samples]


@cache
def counting(voice: Voice) -> Samples:
    """Return the count, each number in the middle of its own second."""
    track: Samples = np.zeros(NUMBERS * RATE_HZ, np.float32)
    for second, number in enumerate(_numbers(voice)):
        start = second * RATE_HZ + (RATE_HZ - number.size) // 2
        track[start : start + number.size] = number
    return track


def _numbers(voice: Voice) -> list[Samples]:
    texts = [number_word(number) for number in range(1, NUMBERS + 1)]
    found: dict[str, Samples] = {}
    for stretch in _STRETCHES:
        missing = [text for text in texts if text not in found]
        paced = Voice(voice.engine, voice.name, voice.pitch, stretch)
        for text, sound in zip(missing, say(paced, missing), strict=True):
            if sound.size <= _LONGEST_NUMBER_S * RATE_HZ or stretch == _STRETCHES[-1]:
                found[text] = sound[: round(_LONGEST_NUMBER_S * RATE_HZ)]
        if len(found) == len(texts):
            break
    return [found[text] for text in texts]


def white(length_samples: int) -> Samples:
    """Return noise with the same power at every frequency."""
    return np.random.default_rng(_SEED).normal(size=length_samples).astype(np.float32)


def pink(length_samples: int) -> Samples:
    """Return noise with the same power in every octave."""
    spectrum = np.fft.rfft(white(length_samples))
    spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
    return np.fft.irfft(spectrum, length_samples).astype(np.float32)


@cache
def babble(length_samples: int) -> Samples:
    """Return several voices that all say something else at once."""
    crowd: Samples = np.zeros(length_samples, np.float32)
    texts = [sentence.english for sentence in SENTENCES]
    for index, name in enumerate(_BABBLERS):
        turned = texts[2 * index :] + texts[: 2 * index]
        speech = np.concatenate(say(Voice("flite", name, 0, 1.0), turned))
        crowd += np.roll(np.resize(speech, length_samples), index * RATE_HZ // 3)
    return crowd


def noisy(speech: Samples, noise: Noise, ratio_db: float) -> Samples:
    """Add noise so that the words are ``ratio_db`` louder than it, the pauses not counted."""
    spoken = speech[np.abs(speech) > 0.01]
    sound = noise(speech.size)
    speech_rms, noise_rms = (float(np.sqrt(np.mean(x.astype(float) ** 2))) for x in (spoken, sound))
    gain = speech_rms / noise_rms / 10 ** (ratio_db / 20)
    mixed = speech + gain * sound
    return (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32)


def error_rate(recognizer: Recognizer, track: Samples) -> float:
    """Return the word error rate over the count, fragment by fragment."""
    said, heard = [], []
    for first in range(0, NUMBERS, FRAGMENT_NUMBERS):
        numbers = range(first + 1, first + FRAGMENT_NUMBERS + 1)
        fragment = track[first * RATE_HZ : (first + FRAGMENT_NUMBERS) * RATE_HZ]
        said.append(" ".join(map(number_word, numbers)))
        heard.append(" ".join(words(recognizer.recognize(Mono(fragment, RATE_HZ), "en").value)))
    return float(jiwer.wer(said, heard))


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    cells = [list(head), *map(list, rows)]
    cells.insert(1, ["---"] * len(cells[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def by_noise(recognizer: Recognizer) -> str:
    """Return the table of word error rates by kind and strength of noise."""
    speech = counting(CLIP_VOICE)
    rows = [
        (
            name,
            *(f"{error_rate(recognizer, noisy(speech, noise, ratio)):.0%}" for ratio in RATIOS_DB),
        )
        for name, noise in (("white", white), ("pink", pink), ("babble", babble))
    ]
    return table(("noise", *(f"{ratio} dB" for ratio in RATIOS_DB)), rows)


def by_voice(recognizer: Recognizer) -> str:
    """Return the table of word error rates by voice, without noise."""
    rows = [
        (name, f"{error_rate(recognizer, counting(voice)):.0%}") for name, voice in VOICES.items()
    ]
    return table(("voice", "words wrong"), rows)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines.limits", description=__doc__)
    parser.add_argument("--profile", choices=sorted(PROFILES), default="embedded")
    os.environ["STS_PROFILE"] = parser.parse_args().profile
    prepare_environment()
    selection = Settings().selection
    recognizer = load_engine(Stage.ASR, selection.asr, selection.options)
    if not isinstance(recognizer, Recognizer):
        raise TypeError(f"{selection.asr.provider} does not recognise speech")
    print(f"{recognizer.name}, model {recognizer.model}\n")
    print(by_voice(recognizer), end="\n\n", flush=True)
    print(by_noise(recognizer))
    recognizer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
