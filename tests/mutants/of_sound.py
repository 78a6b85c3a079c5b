"""Sabotages of what is heard in the output: media-service lays the wrong sound, or at a wrong time.

The dubs themselves are right, and so is every word that is said about them.
"""

from typing import Final

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.places import (
    BAD_INPUT,
    DIES,
    DUBBING,
    EGRESS,
    OUTPUT,
    PLAYED,
    PLAYS,
    SEGMENTER,
    SEGMENTS,
    SPANISH,
    SYNC,
    US2,
    US8,
    WHOLE,
)

_CHOSEN: Final = "        pcm = _audio_of(segment, upcoming.result)\n"
_SENT_ON: Final = "            self._send_segment(upcoming, encoder, muxer)\n"
_AUDIO_TIMES: Final = (
    "        self.audio_shift_s = float(shift * packet.time_base)\n"
    "        packet.pts = None if packet.pts is None else packet.pts + shift\n"
)

OF_SOUND: Final = (
    Mutant(
        name="original-released",
        story="media-service reports the dub and sends out the original audio",
        edits=(
            Edit(
                EGRESS,
                '    if result is None or result.outcome == "original":\n',
                "    if True:\n",
            ),
        ),
        behave=(US2,),
        red=(SYNC, PLAYS),
    ),
    Mutant(
        name="original-under-the-dub",
        story="the original speech goes on under the dub, at half its level",
        edits=(
            Edit(
                EGRESS,
                "    return fit(\n        result.pcm,\n",
                "    import audioop\n\n"
                "    return _mixed(audioop.mul(segment.pcm, 2, 0.5), audioop.add)(\n"
                "        result.pcm,\n",
            ),
            Edit(
                EGRESS,
                "def _audio_of(",
                "def _mixed(under, add):\n"
                "    return lambda *args, **kwargs: add(fit(*args, **kwargs), under, 2)\n\n\n"
                "def _audio_of(",
            ),
        ),
        behave=(US2,),
        red=(PLAYS,),
    ),
    Mutant(
        name="wrong-segment",
        story="each segment goes out with the dub of the one before it",
        edits=(
            Edit(
                EGRESS,
                _CHOSEN,
                '        pcm = _audio_of(segment, getattr(self, "_before", upcoming.result))\n'
                "        self._before = upcoming.result\n",
            ),
        ),
        behave=(US2,),
        red=(SYNC, PLAYS),
    ),
    Mutant(
        name="segments-swapped",
        story="the dubs of the second and the third segment change places in the output",
        edits=(
            Edit(
                EGRESS,
                _SENT_ON,
                "            if upcoming.segment.number == 1:\n"
                "                from dataclasses import replace\n\n"
                "                after = self._segments.next()\n"
                "                early = replace(upcoming, result=after.result)\n"
                "                self._send_segment(early, encoder, muxer)\n"
                "                upcoming = replace(after, result=upcoming.result)\n" + _SENT_ON,
            ),
        ),
        behave=(US2,),
        red=(SYNC, PLAYS),
    ),
    Mutant(
        name="late-150ms",
        story="the sound of the output is 150 ms late",
        edits=(
            Edit(
                OUTPUT,
                "        shift = round(OUTPUT_OFFSET_S / packet.time_base)\n",
                "        shift = round((OUTPUT_OFFSET_S + 0.15) / packet.time_base)\n",
            ),
        ),
        behave=(US2,),
        red=(SYNC,),
    ),
    Mutant(
        name="early-150ms",
        story="the sound of the output is 150 ms early",
        edits=(
            Edit(
                OUTPUT,
                "        shift = round(shift_s / packet.time_base)\n",
                "        shift = round((shift_s + 0.15) / packet.time_base)\n",
            ),
        ),
        behave=(US2,),
        red=(SYNC,),
    ),
    Mutant(
        name="drift-0.1-percent",
        story="the timestamps of the sound drift by 0.1 %: 60 ms a minute",
        edits=(
            Edit(
                OUTPUT,
                _AUDIO_TIMES,
                _AUDIO_TIMES.replace("packet.pts + shift", "round(packet.pts * 1.001) + shift"),
            ),
        ),
        behave=(US2,),
        # 24 ms at the end of the clip are no loss of sync by SC-005; the dubs are torn, though.
        red=(SYNC, PLAYS),
    ),
    Mutant(
        name="click-at-joints",
        story="a click of one sample ends every segment",
        edits=(
            Edit(
                EGRESS,
                _CHOSEN,
                _CHOSEN + '        pcm = pcm[:-4] + b"\\x66\\x26" * 2\n',
            ),
        ),
        behave=(US8, "-n", PLAYED),
        red=(PLAYED,),
    ),
    Mutant(
        name="click-in-the-middle",
        story="a click of one sample sounds in the middle of a word of every segment",
        edits=(
            Edit(
                EGRESS,
                _CHOSEN,
                _CHOSEN + "        middle = len(pcm) * 5 // 12 // 4 * 4\n"
                '        pcm = pcm[:middle] + b"\\x66\\x26" * 2 + pcm[middle + 4 :]\n',
            ),
        ),
        behave=(US8, "-n", PLAYED),
        red=(PLAYED,),
    ),
    Mutant(
        name="one-segment-early",
        story="the output ends one segment early, and media-service reports all of them",
        edits=(
            Edit(
                EGRESS,
                _SENT_ON,
                "            if upcoming.segment.number == 4:\n"
                "                self._tell_release(upcoming, 0.0, muxer)\n"
                "                return\n" + _SENT_ON,
            ),
        ),
        behave=(US2,),
        red=(SYNC, WHOLE, PLAYS),
    ),
    Mutant(
        name="cut-short-undubbed",
        story="the segment that the loss of its source cuts short goes out with its own sound",
        edits=(
            Edit(
                SEGMENTER,
                "            yield self._cut(tail=is_tail(self._collected))\n",
                "            yield self._cut(tail=True)\n",
            ),
        ),
        behave=(BAD_INPUT, "-n", DIES),
        red=(DIES,),
    ),
    Mutant(
        name="fragment-dropped",
        story="media-service never sends the third segment to STS",
        edits=(
            Edit(
                DUBBING,
                "        if not cut.pcm or segment is None:\n",
                "        if not cut.pcm or segment is None or cut.number == 2:\n",
            ),
        ),
        behave=(US2,),
        red=(SEGMENTS, SPANISH, WHOLE),
    ),
)
"""What is wrong with the sound, though nobody says so."""
