"""Sabotages of the speech: what sts-service hears, says, and says that it heard."""

from typing import Final

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.places import (
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
)

_DUB: Final = "        to_pcm(dubbed, channels=job.channels),\n"
_TEXTS: Final = "        transcript,\n        translated,\n" + _DUB

OF_SPEECH: Final = (
    Mutant(
        name="original-returned",
        story="sts-service returns the original audio as the dub",
        edits=(Edit(STS_PIPELINE, _DUB, "        job.pcm,\n"),),
        behave=(US2,),
        red=(SPANISH, PLAYS),
    ),
    Mutant(
        name="transcript-empty",
        story="sts-service returns dubs without their transcripts",
        edits=(Edit(STS_PIPELINE, _TEXTS, _TEXTS.replace("transcript", '""')),),
        behave=(US2,),
        # Without a word media-service takes it for music, and lets the original pass.
        red=(SEGMENTS, SYNC, WHOLE, PLAYS),
    ),
    Mutant(
        name="transcript-invented",
        story="a word is added to the transcript that nobody said; translation and dub are right",
        edits=(Edit(STS_PIPELINE, _TEXTS, _TEXTS.replace("transcript", 'f"{transcript} seven"')),),
        behave=(US4,),
        red=(NUMBERS,),
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
                "_speak(engines.tts, translated,",
                "_speak(engines.tts, transcript,",
            ),
        ),
        behave=(US2, US4),
        red=(SPANISH, NUMBERS),
    ),
    Mutant(
        name="english-left",
        story="the first word of each translation stays English",
        edits=(
            Edit(
                STS_PIPELINE,
                "        translated, stage_ms[stage] = said.value, said.elapsed_ms\n",
                "        left = transcript.split()[:1] + said.value.split()[1:]\n"
                '        translated, stage_ms[stage] = " ".join(left), said.elapsed_ms\n',
            ),
        ),
        behave=(US2, US4),
        red=(WHOLE, SPANISH, NUMBERS),
    ),
    Mutant(
        name="silence-returned",
        story="sts-service returns silence as the dub",
        edits=(Edit(STS_PIPELINE, _DUB, "        bytes(len(job.pcm)),\n"),),
        behave=(US2, US4),
        red=(SPANISH, SYNC, PLAYS, NUMBERS),
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
        profile="pocket",
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
        profile="pocket",
    ),
)
"""What is wrong with words and voices."""
