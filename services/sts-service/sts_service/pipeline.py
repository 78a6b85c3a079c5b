"""The three stages in a row: one fragment's speech to its dub."""

import time
from dataclasses import dataclass, replace

import structlog

from services.contracts import ErrorCode, Stage
from sts_service import echo
from sts_service.audio import Mono, from_pcm, normalised, onset_s, placed, to_pcm, trimmed
from sts_service.engines.base import EngineError, Synthesizer
from sts_service.engines.registry import Engines
from sts_service.job import Failure, FragmentJob, Outcome, Progress

_log = structlog.get_logger()

_FIT_ATTEMPTS = 4
"""The last one at the highest speed: nothing is cut while it could be spoken faster."""
_FIT_MARGIN = 1.03
"""Speech is not exactly proportional to the speed asked for."""
_CUT_UNHEARD_S = 0.02


@dataclass(frozen=True)
class _Speech:
    """Speech for a segment; ``speed`` is how much faster than normal it had to be."""

    sound: Mono
    speed: float
    elapsed_ms: int


def dub(engines: Engines, job: FragmentJob) -> Outcome:
    """Dub a fragment; an engine's failure keeps what the stages before it made.

    Speech that is too long even at the highest speed is cut: a dub, and a failure that says so.
    """
    progress = Progress()
    while progress.stage is not None:
        progress = advance(engines, job, progress)
    return progress.outcome


def advance(engines: Engines, job: FragmentJob, progress: Progress) -> Progress:
    """Run the next stage; only the first one needs the job's sound."""
    stage = progress.stage
    try:
        match stage:
            case Stage.ASR:
                return _hear(engines, job.decoded())
            case Stage.TRANSLATION:
                return _translate(engines, job, progress)
            case Stage.TTS:
                return _say(engines, job, progress)
            case None:
                return progress
    except EngineError as error:
        _log.warning("engine_failed", stage=stage, error=str(error))
        failure = Failure(ErrorCode.MODEL_ERROR, str(error), stage, error.retryable)
    except Exception as error:  # noqa: BLE001 - outermost edge: what an engine made is no sound
        _log.exception("stage_crashed", stage=stage)
        message = f"{stage} failed: {type(error).__name__}: {error}"
        failure = Failure(ErrorCode.MODEL_ERROR, message, stage, retryable=False)
    return replace(progress, stage=None, outcome=replace(progress.outcome, failure=failure))


def _hear(engines: Engines, job: FragmentJob) -> Progress:
    sound = from_pcm(job.pcm, rate_hz=job.sample_rate_hz, channels=job.channels)
    if job.debug_delay_s:
        time.sleep(job.debug_delay_s)
    if isinstance(engines.asr, echo.Engine):
        return echo.answer(job)
    heard = engines.asr.recognize(sound, job.source_language)
    elapsed_ms = heard.elapsed_ms + round(job.debug_delay_s * 1000)
    return Progress(
        stage=Stage.TRANSLATION,
        outcome=Outcome(transcript=heard.value, stage_ms={Stage.ASR: elapsed_ms}),
        onset_s=onset_s(sound),
        length_samples=sound.samples.size,
    )


def _translate(engines: Engines, job: FragmentJob, progress: Progress) -> Progress:
    done = progress.outcome
    text = done.transcript or ""
    said = engines.translation.translate(text, job.source_language, job.target_language)
    stage_ms = done.stage_ms | {Stage.TRANSLATION: said.elapsed_ms}
    outcome = replace(done, translated_text=said.value, stage_ms=stage_ms)
    return replace(progress, stage=Stage.TTS, outcome=outcome)


def _say(engines: Engines, job: FragmentJob, progress: Progress) -> Progress:
    done = progress.outcome
    room_s = progress.length_samples / job.sample_rate_hz
    spoken = _speak(engines.tts, done.translated_text or "", job.target_language, room_s=room_s)
    dubbed = placed(
        spoken.sound.at(job.sample_rate_hz),
        length_samples=progress.length_samples,
        start_s=progress.onset_s,
    )
    outcome = replace(
        done,
        dubbed_pcm=to_pcm(dubbed, channels=job.channels),
        stage_ms=done.stage_ms | {Stage.TTS: spoken.elapsed_ms},
        failure=_cut_off(spoken, room_s=room_s),
    )
    return replace(progress, stage=None, outcome=outcome)


def _speak(tts: Synthesizer, text: str, language: str, *, room_s: float) -> _Speech:
    speed = 1.0
    elapsed_ms = 0
    for left in reversed(range(_FIT_ATTEMPTS)):
        spoken = tts.synthesize(text, language, speed=speed)
        elapsed_ms += spoken.elapsed_ms
        speech = trimmed(spoken.value)
        if speech.duration_s <= room_s or speed >= tts.max_speed or not left:
            break
        proportional = speed * speech.duration_s / room_s * _FIT_MARGIN
        speed = tts.max_speed if left == 1 else min(proportional, tts.max_speed)
    return _Speech(normalised(speech), speed, elapsed_ms)


def _cut_off(spoken: _Speech, *, room_s: float) -> Failure | None:
    excess_s = spoken.sound.duration_s - room_s
    if excess_s <= _CUT_UNHEARD_S:
        return None
    message = (
        f"the dub is too long: {spoken.sound.duration_s:.1f} s at {spoken.speed:.1f} times the "
        f"normal speed for a segment of {room_s:.1f} s; its last {excess_s:.1f} s are cut off"
    )
    _log.warning("dub_cut_off", speed=round(spoken.speed, 2), excess_s=round(excess_s, 3))
    return Failure(ErrorCode.MODEL_ERROR, message, Stage.TTS, retryable=False)
