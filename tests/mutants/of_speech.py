"""Sabotages of the speech: what sts-service hears, says, and says that it heard."""

from typing import Final

from tests.mutants.mutant import POCKET, Edit, Mutant
from tests.mutants.places import (
    ECHO,
    ENGINES,
    NAMED,
    NOT_SLOW,
    NUMBERS,
    PLAYED,
    PLAYS,
    REGISTRY,
    SEGMENTS,
    SPANISH,
    STS_PIPELINE,
    STS_RECORDS,
    SYNC,
    US2,
    US4,
    US8,
    WHOLE,
    WITH_NUMBERS,
)

_DUB: Final = "        dubbed_pcm=to_pcm(dubbed, channels=job.channels),\n"
_HEARD: Final = "        outcome=Outcome(transcript=heard.value, stage_ms="
_SAID: Final = "        done,\n" + _DUB

OF_SPEECH: Final = (
    Mutant(
        name="original-returned",
        story="sts-service returns the original audio as the dub",
        edits=(
            Edit(STS_PIPELINE, _HEARD, _HEARD.replace("stage_ms", "dubbed_pcm=job.pcm, stage_ms")),
            Edit(STS_PIPELINE, _DUB, "        dubbed_pcm=done.dubbed_pcm,\n"),
        ),
        behave=(US2,),
        red=(SPANISH, PLAYS),
    ),
    Mutant(
        name="transcript-empty",
        story="sts-service returns dubs without their transcripts",
        edits=(Edit(STS_PIPELINE, _SAID, '        done,\n        transcript="",\n' + _DUB),),
        behave=(US2,),
        # Without a word media-service takes it for music, and lets the original pass.
        red=(SEGMENTS, SYNC, WHOLE, PLAYS),
    ),
    Mutant(
        name="transcript-invented",
        story="a word is added to the transcript that nobody said; translation and dub are right",
        edits=(
            Edit(
                STS_PIPELINE,
                _SAID,
                '        done,\n        transcript=f"{done.transcript} seven",\n' + _DUB,
            ),
        ),
        behave=(US4, "-n", NUMBERS),
        red=(NUMBERS,),
        profile=POCKET,
    ),
    Mutant(
        name="transcripts-unlogged",
        story="sts-service logs its results without the transcripts",
        edits=(Edit(STS_RECORDS, "    if with_text:\n", "    if not with_text:\n"),),
        behave=(US2,),
        red=(WHOLE,),
    ),
    Mutant(
        name="english-spoken",
        story="the dub says the English words, in the Spanish voice",
        edits=(
            Edit(
                STS_PIPELINE,
                "_speak(engines.tts, done.translated_text or",
                "_speak(engines.tts, done.transcript or",
            ),
        ),
        behave=(US2, US4, WITH_NUMBERS),
        red=(SPANISH, NUMBERS),
        profile=POCKET,
    ),
    Mutant(
        name="english-left",
        story="the first word of each translation stays English",
        edits=(
            Edit(
                STS_PIPELINE,
                "    outcome = replace(done, translated_text=said.value, stage_ms=stage_ms)\n",
                "    left = text.split()[:1] + said.value.split()[1:]\n"
                '    outcome = replace(done, translated_text=" ".join(left), stage_ms=stage_ms)\n',
            ),
        ),
        behave=(US2, US4, WITH_NUMBERS),
        red=(WHOLE, SPANISH, NUMBERS),
        profile=POCKET,
    ),
    Mutant(
        name="silence-returned",
        story="sts-service returns next to silence as the dub",
        edits=(
            Edit(
                STS_PIPELINE, _DUB, _DUB.replace("=to_pcm(", "=_quiet(to_pcm(").replace("),", ")),")
            ),
            Edit(
                STS_PIPELINE,
                "def _speak(",
                "def _quiet(pcm):\n    return b'\\1\\0' * (len(pcm) // 2)\n\n\ndef _speak(",
            ),
        ),
        behave=(US2, US4, WITH_NUMBERS),
        red=(SPANISH, SYNC, PLAYS, NUMBERS),
        profile=POCKET,
    ),
    Mutant(
        name="wrong-sample-rate",
        story="speech made for 44.1 kHz is laid down as 48 kHz: too fast, and too high",
        edits=(
            Edit(
                STS_PIPELINE,
                "        spoken.sound.at(job.sample_rate_hz),\n",
                "        Mono(spoken.sound.at(44_100).samples, job.sample_rate_hz),\n",
            ),
        ),
        behave=(ENGINES, NOT_SLOW),
        red=(NAMED,),
        profile=POCKET,
    ),
    Mutant(
        name="dub-12-db-down",
        story="the dub is 12 dB too quiet",
        edits=(
            Edit(
                STS_PIPELINE,
                "    return _Speech(normalised(speech), speed, elapsed_ms)\n",
                "    quiet = Mono(normalised(speech).samples / 4, speech.rate_hz)\n"
                "    return _Speech(quiet, speed, elapsed_ms)\n",
            ),
        ),
        behave=(US8, "-n", PLAYED),
        red=(PLAYED,),
    ),
    Mutant(
        name="echo-unmarked",
        story="every fragment is echoed, under the names of the profile's engines",
        edits=(
            Edit(
                STS_PIPELINE,
                "    if isinstance(engines.asr, echo.Engine):\n",
                "    if True:\n",
            ),
            Edit(ECHO, 'MARK = "[echo]"\n', 'MARK = "uno dos tres"\n'),
        ),
        behave=(US2,),
        red=(SPANISH, WHOLE, PLAYS),
    ),
    Mutant(
        name="voice-swapped",
        story="eSpeak speaks under the name of Coqui TTS and its model",
        edits=(
            Edit(
                REGISTRY,
                "    tts = load_engine(Stage.TTS, selection.tts, selection.options)\n",
                "    named = load_engine(Stage.TTS, selection.tts, selection.options)\n"
                '    tts = load_engine(Stage.TTS, Choice("espeak"), selection.options)\n'
                "    tts.name, tts.model = named.name, named.model\n",
            ),
        ),
        behave=(ENGINES, NOT_SLOW),
        red=(NAMED,),
        profile=POCKET,
    ),
    Mutant(
        name="ears-swapped",
        story="PocketSphinx listens under the name of Whisper and its model",
        edits=(
            Edit(
                REGISTRY,
                "    asr = load_engine(Stage.ASR, selection.asr, selection.options)\n",
                "    named = load_engine(Stage.ASR, selection.asr, selection.options)\n"
                '    asr = load_engine(Stage.ASR, Choice("pocketsphinx"), selection.options)\n'
                "    asr.name, asr.model = named.name, named.model\n",
            ),
        ),
        behave=(ENGINES, NOT_SLOW),
        red=(NAMED,),
        profile=POCKET,
    ),
)
"""What is wrong with words and voices."""
