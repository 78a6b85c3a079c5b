"""Sabotages of the contract at its edges: order, repeats, pressure, who may speak, how much."""

from typing import Final

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.places import (
    ADMISSION,
    CONTRACT,
    DUBBING,
    EVERY_ERROR,
    MEDIA_SETTINGS,
    OBSERVERS,
    ORDER,
    PACE,
    PACED,
    READ_OVER_RTSP,
    RTSP,
    SEQUENCER,
    STS_APP,
    STS_STREAM,
    TAKEN_UP,
    US4,
)

_ANSWER: Final = "            answer, segment.reason = _answer(cut.number, result)\n"

OF_CONTRACT: Final = (
    Mutant(
        name="order-not-kept",
        story="sts-service gives results out as its workers finish",
        edits=(
            Edit(
                SEQUENCER,
                "            lowest = min(self._admitted)\n",
                "            lowest = min(self._finished, default=-1)\n",
            ),
        ),
        behave=(US4, "-n", ORDER),
        red=(ORDER,),
    ),
    Mutant(
        name="duplicate-processed-twice",
        story="a fragment that is sent again is dubbed, and answered, again",
        edits=(
            Edit(
                STS_STREAM,
                "        known = self._replay.find(data.fragment_id)\n",
                "        known = self._replay.find(data.fragment_id)\n"
                "        if known is not None:\n"
                '            again = {"sequence_number": self.next_sequence}\n'
                "            known, data = None, data.model_copy(update=again)\n",
            ),
        ),
        behave=(CONTRACT, "-n", TAKEN_UP),
        red=(TAKEN_UP,),
    ),
    Mutant(
        name="backpressure-ignored",
        story="media-service hears what STS asks for, and sends at its own pace",
        edits=(
            Edit(
                PACE,
                "        self.action, self._told_at = event.action, now\n",
                '        self.action, self._told_at = "none", now\n',
            ),
        ),
        behave=(US4, "-n", PACED),
        red=(PACED,),
    ),
    Mutant(
        name="held-undubbed",
        story="what had to wait for STS goes out with its own sound, as if nobody spoke",
        edits=(
            Edit(
                DUBBING,
                _ANSWER,
                _ANSWER + "            if (segment.sent_at or 0) - segment.cut_at > 1:\n"
                '                answer, segment.reason = _original(cut.number), "no_speech"\n',
            ),
        ),
        behave=(US4, "-n", PACED),
        red=(PACED,),
    ),
    Mutant(
        name="token-not-checked",
        story="sts-service lets everybody in, whatever their token",
        edits=(Edit(STS_APP, "        if not key:\n            return\n", "        return\n"),),
        behave=(CONTRACT, "-n", OBSERVERS),
        red=(OBSERVERS,),
    ),
    Mutant(
        name="limit-not-enforced",
        story="sts-service does not look how many fragments wait, and stumbles over one too many",
        edits=(Edit(ADMISSION, "    if waiting >= capacity:\n", "    if waiting >= 1000:\n"),),
        behave=(CONTRACT, "-n", EVERY_ERROR),
        red=(EVERY_ERROR,),
    ),
    Mutant(
        name="rtsp-ignored",
        story="media-service reads over RTMP, whatever INGEST_PROTOCOL says",
        edits=(
            Edit(
                MEDIA_SETTINGS,
                '        rtsp = self.ingest_protocol == "rtsp"\n',
                "        rtsp = False\n",
            ),
        ),
        behave=(RTSP, "-n", "b-frames.mp4"),
        red=(READ_OVER_RTSP,),
    ),
)
"""What the contract says, and nobody keeps."""
