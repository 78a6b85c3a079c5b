"""Sabotages of how the services behave to each other and to those who watch them."""

from typing import Final

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.places import (
    BAD_INPUT,
    MEDIA_API,
    MEDIA_METRICS,
    MEDIA_SERVER_RESTARTED,
    MEDIA_SERVICE_RESTARTED,
    OUTLIVES,
    REFUSED,
    SEGMENTS,
    SPANISH,
    STS_EMITTER,
    STS_EVENTS,
    STS_RECORDS,
    STS_RESTARTED,
    STS_RESULTS,
    STS_STREAM,
    US1,
    US2,
    WHOLE,
)

_ANSWERED: Final = '                self._send("fragment:processed", fragment.result)\n'
_TAKEN: Final = '        self._send("fragment:ack", acknowledgement(fragment, "processing"))\n'
_THE_THIRD: Final = "                if fragment.sequence_number == 2:\n    "
_COUNTED: Final = "        self._metrics.fragments_processed.labels(result.status).inc()\n"
_READY: Final = "        if self._sts.connected and self._discovery.reachable:\n"

OF_SERVICE: Final = (
    Mutant(
        name="fragment-doubled",
        story="sts-service answers the third fragment twice",
        edits=(
            Edit(
                STS_STREAM,
                _ANSWERED,
                _ANSWERED + _THE_THIRD + _ANSWERED,
            ),
        ),
        behave=(US2,),
        red=(SPANISH, WHOLE),
    ),
    Mutant(
        name="results-out-of-order",
        story="the result of the second fragment comes after that of the third",
        edits=(
            Edit(
                STS_STREAM,
                _ANSWERED,
                "                if fragment.sequence_number == 1:\n"
                "                    self._held_back = fragment.result\n"
                "                    continue\n"
                + _ANSWERED
                + _THE_THIRD
                + _ANSWERED.replace("fragment.result)", "self._held_back)"),
            ),
        ),
        behave=(US2,),
        red=(WHOLE,),
    ),
    Mutant(
        name="events-out-of-order",
        story="sts-service says that it takes a fragment up after it has answered it",
        edits=(
            Edit(STS_STREAM, _TAKEN, "        return\n"),
            Edit(STS_STREAM, _ANSWERED, _ANSWERED + " " * 8 + _TAKEN),
        ),
        behave=(US2,),
        red=(SEGMENTS,),
    ),
    Mutant(
        name="processing-time-zero",
        story="each fragment's processing time is counted as 0 s",
        edits=(
            Edit(
                STS_RESULTS,
                "observe(time.monotonic() - exchange.sent_at)",
                "observe(0.0)",
            ),
        ),
        behave=(US2, "-n", WHOLE),
        red=(WHOLE,),
    ),
    Mutant(
        name="metrics-frozen",
        story="/metrics of media-service shows for ever what it showed first",
        edits=(
            Edit(
                MEDIA_METRICS,
                "        return generate_latest(self.registry)\n",
                '        if not hasattr(self, "_first"):\n'
                "            self._first = generate_latest(self.registry)\n"
                "        return self._first\n",
            ),
        ),
        behave=(US2,),
        red=(WHOLE,),
    ),
    Mutant(
        name="success-counted-twice",
        story="media-service counts each success as a partial result too",
        edits=(
            Edit(STS_RESULTS, _COUNTED, _COUNTED + _COUNTED.replace("result.status", '"partial"')),
        ),
        behave=(US2,),
        red=(WHOLE,),
    ),
    Mutant(
        name="sts-times-in-ms",
        story="sts-service counts the milliseconds of each fragment as seconds",
        edits=(
            Edit(
                STS_RECORDS,
                "    metrics.processing.observe(result.processing_time_ms / 1000)\n",
                "    metrics.processing.observe(result.processing_time_ms)\n",
            ),
        ),
        behave=(US2,),
        red=(WHOLE,),
    ),
    Mutant(
        name="always-ready",
        story="media-service says 200 on /ready for ever, once it has said it",
        edits=(
            Edit(
                MEDIA_API,
                _READY,
                '        self._ever = getattr(self, "_ever", False) or (\n'
                "            self._sts.connected and self._discovery.reachable\n"
                "        )\n"
                "        if self._ever:\n",
            ),
        ),
        behave=(US1, "-n", "one container stops and starts"),
        red=(MEDIA_SERVER_RESTARTED, STS_RESTARTED),
    ),
    Mutant(
        name="failure-cascades",
        story="sts-service dies when media-service goes away",
        edits=(
            Edit(
                STS_EVENTS,
                "        self._streams.left(sid, for_good=for_good)\n",
                "        self._streams.left(sid, for_good=for_good)\n"
                "        if not self.stopping:\n"
                '            __import__("os")._exit(1)\n',
            ),
        ),
        behave=(US1, "-n", "STS outlives", "-n", "one container stops and starts"),
        red=(OUTLIVES, MEDIA_SERVICE_RESTARTED),
    ),
    Mutant(
        name="refusals-uncounted",
        story="sts-service refuses bad payloads without counting them",
        edits=(
            Edit(
                STS_EMITTER,
                "        self._metrics.errors.labels(code=refused.code.value).inc()\n",
                "",
            ),
        ),
        behave=(BAD_INPUT, "-n", "payloads that break"),
        red=(REFUSED,),
    ),
)
"""What is wrong between the services, or with what they tell of themselves."""
