"""Sabotages of what carries a stream over the loss of those that it depends on."""

from typing import Final

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.places import (
    CHECKPOINT,
    DUBBING,
    EGRESS,
    MEDIA_MAIN,
    MEDIA_STREAM,
    PICKED_UP,
    SEGMENTER,
    STOPPED,
    STS_CLIENT,
    STS_RESTARTED,
    SURVIVAL,
    US1,
    US5,
    WORKER_KILLED,
)

OF_SURVIVAL: Final = (
    Mutant(
        name="no-fallback",
        story="with STS away, segments wait for it instead of going out with their own sound",
        edits=(
            Edit(
                STS_CLIENT,
                "        self.away = True\n",
                "        return\n",
            ),
        ),
        behave=(US5, "-n", STOPPED),
        red=(STOPPED,),
        # Each segment waits for that long.
        variables=(("FRAGMENT_TIMEOUT_S", "10"),),
    ),
    Mutant(
        name="pictures-thinned",
        story="while STS is away every other picture is left out, and the sound goes on as it was",
        edits=(
            Edit(
                EGRESS,
                '    if result is None or result.outcome == "original":\n',
                '    globals()["_thin"] = result is None or result.outcome == "original"\n'
                '    if result is None or result.outcome == "original":\n',
            ),
            Edit(
                EGRESS,
                "            muxer.send_video(\n                self._video.take(),",
                "            taken = self._video.take()\n"
                '            if globals().get("_thin") and round(1000 * decode_s) % 2:\n'
                "                continue\n"
                "            muxer.send_video(\n                taken,",
            ),
        ),
        behave=(US5, "-n", STOPPED),
        red=(STOPPED,),
    ),
    Mutant(
        name="held-though-away",
        story="with STS known to be away, each segment waits another 12 s for it",
        edits=(
            Edit(
                DUBBING,
                "            segment.reason = error.reason\n",
                "            segment.reason = error.reason\n            await asyncio.sleep(12)\n",
            ),
        ),
        behave=(US5, "-n", STOPPED),
        red=(STOPPED,),
    ),
    Mutant(
        name="fallback-uncounted",
        story="segments that go out with their own sound are not counted",
        edits=(
            Edit(
                DUBBING,
                "                self._metrics.fragments_fallback.labels(reason).inc()\n",
                "                pass\n",
            ),
        ),
        behave=(US5, "-n", STOPPED),
        red=(STOPPED,),
    ),
    Mutant(
        name="ends-with-an-error",
        story="media-service ends with exit code 1 when it is told to stop",
        edits=(
            Edit(
                MEDIA_MAIN,
                "    return 0\n",
                "    return 1\n",
            ),
        ),
        behave=(US5, "-n", PICKED_UP),
        red=(PICKED_UP,),
    ),
    Mutant(
        name="no-reconnect",
        story="media-service says that it tries to reach STS again, and does not",
        edits=(
            Edit(
                STS_CLIENT,
                '            if await self._connect(CONNECT_TIMEOUT_S, "backoff"):\n',
                "            if False:\n",
            ),
            Edit(
                STS_CLIENT,
                '            if await self._connect(CONNECT_TIMEOUT_S, "probe"):\n',
                "            if False:\n",
            ),
        ),
        # Of the scenarios in which STS comes back, the one that waits for no stream.
        behave=(US1, "-n", STS_RESTARTED),
        red=(STS_RESTARTED,),
        errors=(STS_RESTARTED,),
    ),
    Mutant(
        name="checkpoint-never-written",
        story="no checkpoint of a stream is ever written",
        edits=(
            Edit(
                CHECKPOINT,
                "    folder.mkdir(parents=True, exist_ok=True)\n",
                "    return\n    folder.mkdir(parents=True, exist_ok=True)\n",
            ),
        ),
        behave=(US5, "-n", PICKED_UP),
        red=(PICKED_UP,),
    ),
    Mutant(
        name="checkpoint-ignored",
        story="checkpoints are written, and never read",
        edits=(
            Edit(
                CHECKPOINT,
                "    try:\n        content = (folder / CHECKPOINT).read_bytes()\n",
                '    raise CheckpointError("it is not looked at")\n'
                "    try:\n        content = (folder / CHECKPOINT).read_bytes()\n",
            ),
        ),
        behave=(US5, "-n", PICKED_UP),
        red=(PICKED_UP,),
    ),
    Mutant(
        name="another-sound-sent",
        story="behind a resumption STS is sent each segment's halves in the wrong order",
        edits=(
            Edit(
                SEGMENTER,
                "        self._number = first_number\n",
                "        self._number = first_number\n        self._behind = first_number > 0\n",
            ),
            Edit(
                SEGMENTER,
                "        segment = Segment(self._number, self._start_samples, tail, "
                "bytes(self._collected))\n",
                "        sound = bytes(self._collected)\n"
                "        half = frames_of(sound) // 2 * BYTES_PER_FRAME * self._behind\n"
                "        sound = sound[half:] + sound[:half]\n"
                "        segment = Segment(self._number, self._start_samples, tail, sound)\n",
            ),
        ),
        behave=(US5, "-n", PICKED_UP),
        red=(PICKED_UP,),
    ),
    Mutant(
        name="worker-never-replaced",
        story="a stream whose worker process dies is given up",
        edits=(
            Edit(
                MEDIA_STREAM,
                "            if (enough := restarts.enough(end)) is not None:\n",
                "            if (enough := end).reason:\n",
            ),
        ),
        behave=(SURVIVAL, "-n", WORKER_KILLED),
        red=(WORKER_KILLED,),
        errors=(WORKER_KILLED,),
    ),
)
"""What is not there any more when it is needed."""
