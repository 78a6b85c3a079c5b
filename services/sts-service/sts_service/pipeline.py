"""The three stages in a row: one fragment's speech to its dub."""

import structlog

from services.contracts import ErrorCode, Stage
from sts_service.audio import Mono, from_pcm, normalised, onset_s, placed, to_pcm, trimmed
from sts_service.engines.base import EngineError, Synthesizer, Timed
from sts_service.engines.registry import Engines
from sts_service.job import Failure, FragmentJob, Outcome

_log = structlog.get_logger()

_FIT_ATTEMPTS = 3
_FIT_MARGIN = 1.03
"""Speech is not exactly proportional to the speed asked for."""


def dub(engines: Engines, job: FragmentJob) -> Outcome:
    """Dub a fragment; an engine's failure keeps what the stages before it made."""
    sound = from_pcm(job.pcm, rate_hz=job.sample_rate_hz, channels=job.channels)
    stage_ms: dict[Stage, int] = {}
    transcript: str | None = None
    translated: str | None = None
    stage = Stage.ASR
    try:
        heard = engines.asr.recognize(sound, job.source_language)
        transcript, stage_ms[stage] = heard.value, heard.elapsed_ms

        stage = Stage.TRANSLATION
        said = engines.translation.translate(transcript, job.source_language, job.target_language)
        translated, stage_ms[stage] = said.value, said.elapsed_ms

        stage = Stage.TTS
        spoken = _speak(engines.tts, translated, job.target_language, room_s=sound.duration_s)
        stage_ms[stage] = spoken.elapsed_ms
    except EngineError as error:
        _log.warning("engine_failed", stage=stage.value, error=str(error))
        failure = Failure(ErrorCode.MODEL_ERROR, str(error), stage, error.retryable)
        return Outcome(transcript, translated, None, stage_ms, failure)
    dubbed = placed(
        spoken.value.at(job.sample_rate_hz),
        length_samples=sound.samples.size,
        start_s=onset_s(sound),
    )
    return Outcome(transcript, translated, to_pcm(dubbed, channels=job.channels), stage_ms)


def _speak(tts: Synthesizer, text: str, language: str, *, room_s: float) -> Timed[Mono]:
    speed = 1.0
    elapsed_ms = 0
    for _ in range(_FIT_ATTEMPTS):
        spoken = tts.synthesize(text, language, speed=speed)
        elapsed_ms += spoken.elapsed_ms
        speech = trimmed(spoken.value)
        if speech.duration_s <= room_s or speed >= tts.max_speed:
            break
        speed = min(speed * speech.duration_s / room_s * _FIT_MARGIN, tts.max_speed)
    return Timed(normalised(speech), elapsed_ms)
