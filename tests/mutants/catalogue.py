"""The mutants: one sabotage of each kind of harm that the suite claims to notice."""

from typing import Final

from tests.mutants.mutant import Edit, Mutant

_US2: Final = "features/production/us2_full_pipeline.feature"
_US4: Final = "features/production/us4_real_speech_processing.feature"
_ENGINES: Final = "features/production/speech_engines.feature"
_CLEAN_UP: Final = "features/production/clean_up.feature"
_DUBBING: Final = "services/media-service/media_service/segment_dubbing.py"
_EGRESS: Final = "services/media-service/media_service/worker/egress.py"
_OUTPUT: Final = "services/media-service/media_service/worker/output.py"
_STS_PIPELINE: Final = "services/sts-service/sts_service/pipeline.py"
_REGISTRY: Final = "services/sts-service/sts_service/engines/registry.py"

_SEGMENTS: Final = "six seconds of audio make a segment for STS"
_SPANISH: Final = "each fragment comes back as Spanish speech"
_SYNC: Final = "dubbed sound and untouched picture stay together"
_WHOLE: Final = "the whole clip comes out, segment by segment"
_PLAYS: Final = "the output plays and is dubbed"
_CLEAN_END: Final = "a run whose scenario fails"
_NUMBERS: Final = "spoken numbers come back as Spanish speech"
_NAMED: Final = "the named engines, asked by themselves, give the same"

_DUB: Final = "        to_pcm(dubbed, channels=job.channels),\n"

UNHARMED: Final = Mutant(
    name="unharmed",
    story="nothing is sabotaged",
    edits=(),
    behave=(_US2, _US4, _ENGINES, _CLEAN_UP, "--tags=not @slow"),
    red=(),
)

MUTANTS: Final = (
    Mutant(
        name="original-returned",
        story="sts-service returns the original audio as the dub",
        edits=(Edit(_STS_PIPELINE, _DUB, "        job.pcm,\n"),),
        behave=(_US2,),
        red=(_SPANISH, _PLAYS),
    ),
    Mutant(
        name="original-released",
        story="media-service reports the dub and sends out the original audio",
        edits=(
            Edit(
                _EGRESS,
                '    if result is None or result.outcome == "original":\n',
                "    if True:\n",
            ),
        ),
        behave=(_US2,),
        red=(_SYNC, _PLAYS),
    ),
    Mutant(
        name="late-150ms",
        story="the sound of the output is 150 ms late",
        edits=(
            Edit(
                _OUTPUT,
                "        shift = round(OUTPUT_OFFSET_S / packet.time_base)\n",
                "        shift = round((OUTPUT_OFFSET_S + 0.15) / packet.time_base)\n",
            ),
        ),
        behave=(_US2,),
        red=(_SYNC,),
    ),
    Mutant(
        name="fragment-dropped",
        story="media-service never sends the third segment to STS",
        edits=(
            Edit(
                _DUBBING,
                "        if cut.tail or segment is None:\n            return\n        task =",
                "        if cut.tail or segment is None or cut.number == 2:\n"
                "            return\n        task =",
            ),
        ),
        behave=(_US2,),
        red=(_SEGMENTS, _SPANISH, _WHOLE),
    ),
    Mutant(
        name="transcript-empty",
        story="sts-service returns dubs without their transcripts",
        edits=(
            Edit(
                _STS_PIPELINE,
                "        transcript,\n        translated,\n" + _DUB,
                '        "",\n        translated,\n' + _DUB,
            ),
        ),
        behave=(_US2,),
        # Without a word media-service takes it for music, and lets the original pass.
        red=(_SEGMENTS, _SYNC, _WHOLE, _PLAYS),
    ),
    Mutant(
        name="video-reencoded",
        story="the picture is decoded and encoded again instead of passed on",
        edits=(
            Edit(
                _OUTPUT,
                "        self._video = self.container.add_stream_from_template(template)\n",
                '        self._video = self.container.add_stream("libx264", rate=30)\n'
                '        self._video.options = {"preset": "ultrafast", "tune": "zerolatency"}\n'
                '        self._video.pix_fmt = "yuv420p"\n'
                "        self._video.codec_context.time_base = template.time_base\n"
                "        Muxer.extradata = template.codec_context.extradata\n",
            ),
            Edit(
                _OUTPUT,
                "        self._video = video\n        self.audio = audio\n",
                "        self._video = video\n        self.audio = audio\n"
                '        self._decoder = av.CodecContext.create("h264", "r")\n'
                "        self._decoder.extradata = Muxer.extradata\n",
            ),
            Edit(
                _OUTPUT,
                "        packet.stream = self._video\n        self._send(packet)\n",
                "        for frame in self._decoder.decode(packet):\n"
                "            frame.pict_type = 0\n"
                "            frame.time_base = packet.time_base\n"
                "            for again in self._video.encode(frame):\n"
                "                self._send(again)\n",
            ),
        ),
        behave=(_US2,),
        red=(_SYNC,),
    ),
    Mutant(
        name="english-spoken",
        story="the dub says the English words, in the Spanish voice",
        edits=(
            Edit(
                _STS_PIPELINE,
                "_speak(engines.tts, translated,",
                "_speak(engines.tts, transcript,",
            ),
        ),
        behave=(_US2,),
        red=(_SPANISH,),
    ),
    Mutant(
        name="english-left",
        story="the first word of each translation stays English",
        edits=(
            Edit(
                _STS_PIPELINE,
                "        translated, stage_ms[stage] = said.value, said.elapsed_ms\n",
                "        left = transcript.split()[:1] + said.value.split()[1:]\n"
                '        translated, stage_ms[stage] = " ".join(left), said.elapsed_ms\n',
            ),
        ),
        behave=(_US2, _US4),
        red=(_WHOLE, _SPANISH, _NUMBERS),
    ),
    Mutant(
        name="silence-returned",
        story="sts-service returns silence as the dub",
        edits=(Edit(_STS_PIPELINE, _DUB, "        bytes(len(job.pcm)),\n"),),
        behave=(_US2, _US4),
        red=(_SPANISH, _SYNC, _PLAYS, _NUMBERS),
    ),
    Mutant(
        name="voice-swapped",
        story="eSpeak speaks under the name of Coqui TTS and its model",
        edits=(
            Edit(
                _REGISTRY,
                "    tts = load_engine(Stage.TTS, selection.tts, selection.options)\n",
                "    named = load_engine(Stage.TTS, selection.tts, selection.options)\n"
                '    tts = load_engine(Stage.TTS, Choice("espeak"), selection.options)\n'
                "    tts.name, tts.model = named.name, named.model\n",
            ),
        ),
        behave=(_ENGINES, "--tags=not @slow"),
        red=(_NAMED,),
        profile="pocket",
    ),
    Mutant(
        name="ears-swapped",
        story="PocketSphinx listens under the name of Whisper and its model",
        edits=(
            Edit(
                _REGISTRY,
                "    asr = load_engine(Stage.ASR, selection.asr, selection.options)\n",
                "    named = load_engine(Stage.ASR, selection.asr, selection.options)\n"
                '    asr = load_engine(Stage.ASR, Choice("pocketsphinx"), selection.options)\n'
                "    asr.name, asr.model = named.name, named.model\n",
            ),
        ),
        behave=(_ENGINES, "--tags=not @slow"),
        red=(_NAMED,),
        profile="pocket",
    ),
    Mutant(
        name="original-under-the-dub",
        story="the original speech goes on under the dub, at half its level",
        edits=(
            Edit(
                _EGRESS,
                "    return fit(\n        result.pcm,\n",
                "    import audioop\n\n"
                "    return _mixed(audioop.mul(segment.pcm, 2, 0.5), audioop.add)(\n"
                "        result.pcm,\n",
            ),
            Edit(
                _EGRESS,
                "def _audio_of(",
                "def _mixed(under, add):\n"
                "    return lambda *args, **kwargs: add(fit(*args, **kwargs), under, 2)\n\n\n"
                "def _audio_of(",
            ),
        ),
        behave=(_US2,),
        red=(_PLAYS,),
    ),
    Mutant(
        name="picture-dropped",
        story="one picture in the middle of the stream is lost",
        edits=(
            Edit(
                _OUTPUT,
                "        packet.stream = self._video\n        self._send(packet)\n",
                "        packet.stream = self._video\n"
                "        if self._state.video_packets != 400:\n"
                "            self._send(packet)\n",
            ),
        ),
        behave=(_US2,),
        red=(_SYNC, _WHOLE),
    ),
    Mutant(
        name="container-left-behind",
        story="the end of a run forgets one container",
        edits=(
            Edit(
                "environment/stack/production.py",
                "            for container in self.containers.values():\n"
                "                container.remove()\n",
                "            for container in list(self.containers.values())[1:]:\n"
                "                container.remove()\n",
            ),
            Edit(
                "environment/stack/reaper.py",
                "    for container in api.containers(all=True, filters=wanted):\n",
                "    for container in api.containers(all=True, filters=wanted)[1:]:\n",
            ),
        ),
        behave=(_CLEAN_UP, "--tags=@p1"),
        red=(_CLEAN_END,),
    ),
)
"""Every mutant; add yours with the scenarios that must turn red."""
