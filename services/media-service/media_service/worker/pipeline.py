"""One stream's threads: a reading one, a publishing one, and what they tell the supervisor."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable

from media_service.audio_format import SAMPLE_RATE_HZ, seconds_of
from media_service.protocol import (
    Began,
    Failed,
    Finished,
    InputEnded,
    Note,
    Opened,
    OutputConnected,
    Released,
    Report,
    Result,
    SegmentCut,
    Stalled,
    Start,
)
from media_service.redaction import redacted
from media_service.worker.egress import Egress
from media_service.worker.errors import StreamError
from media_service.worker.ingest import STOPPED, Ingest
from media_service.worker.output import OutputState
from media_service.worker.pacer import Pacer, Stall
from media_service.worker.segmenter import Segment
from media_service.worker.source import Source
from media_service.worker.timeline import Origin
from media_service.worker.waiting_room import SegmentQueue, VideoQueue

STOP_RESULT_S = 2.5
"""How long after a stop a result is waited for."""
STOP_READ_S = 0.5
"""How long after a stop the source's next packet is waited for."""
MAX_TRACE_CHARS = 4000
RESULT_GRACE_S = 2.0
"""How much later than the supervisor's own time limit a segment goes out without its word."""


class Pipeline:
    """Carries one stream from its input to its output.

    ``tell`` is called from both threads and must be safe for that. ``done`` is set at the end,
    with ``exit_code`` 0 for an output that ended in order.
    """

    def __init__(
        self, start: Start, tell: Callable[[Report], None], pacer: Pacer | None = None
    ) -> None:
        self._tell = tell
        self._segments = SegmentQueue(start.result_timeout_s + RESULT_GRACE_S)
        self._video = VideoQueue()
        self._ending = threading.Lock()
        self._input_ended = threading.Event()
        self._input_error: StreamError | None = None
        self.done = threading.Event()
        self.exit_code = 1
        self._ingest = Ingest(start, self._video, self)
        self._egress = Egress(
            start.output_url,
            self._segments,
            self._video,
            self,
            pacer or Pacer(),
            path_free=not start.hold_output,
        )

    @property
    def output(self) -> OutputState:
        """What has gone out so far."""
        return self._egress.state

    @property
    def waiting_video_bytes(self) -> int:
        """Bytes of video that wait for their audio."""
        return self._video.waiting_bytes

    def begin(self) -> None:
        """Start both threads."""
        for name, work in (("ingest", self._read), ("egress", self._publish)):
            threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True).start()

    def resolve(self, result: Result) -> None:
        """Take the supervisor's word on one segment."""
        if not self._segments.resolve(result):
            self._tell(Note("warning", "result_late", {"number": result.number}))

    def stop(self) -> None:
        """End the input here; what has been read still goes out, as fast as it can."""
        self._ingest.stop()
        self._segments.hurry(STOP_RESULT_S)
        self._egress.pacer.rush()
        if not self._input_ended.wait(STOP_READ_S):
            # The source says nothing, and its reading cannot be interrupted.
            self._ingest.cut_rest()
            self._end_input(STOPPED)

    def publish(self) -> None:
        """Let the output begin: its path is free."""
        self._egress.publish()

    def fail(self, error: StreamError) -> None:
        """Give the stream up."""
        self._end(Failed(error.reason, str(error), error.retryable), exit_code=1)

    def _end(self, report: Failed | Finished, *, exit_code: int) -> None:
        with self._ending:
            if not self.done.is_set():
                self._tell(report)
                self.exit_code = exit_code
                self.done.set()
        self._egress.pacer.rush()

    def _read(self) -> None:
        try:
            reason = self._ingest.run()
        except StreamError as error:
            # What is dubbed already goes out before the stream is given up.
            self._input_error = error
            reason = error.reason
        self._end_input(reason)

    def _end_input(self, reason: str) -> None:
        with self._ending:
            if self._input_ended.is_set():
                return
            self._input_ended.set()
            self._tell(InputEnded(reason))
        self._video.close()
        self._segments.close()

    def _publish(self) -> None:
        self._egress.run()
        if self._input_error is not None:
            self.fail(self._input_error)
        else:
            self._end(Finished(time.time()), exit_code=0)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except StreamError as error:
            self.fail(error)
        except Exception as error:  # noqa: BLE001 - the thread's outermost edge
            trace = redacted(traceback.format_exc()[-MAX_TRACE_CHARS:])
            self._tell(Note("error", "worker_crashed", {"error": repr(error), "trace": trace}))
            self.fail(StreamError("internal_error", repr(error), retryable=True))

    # What the ingest tells.

    def opened(self, source: Source, description: Opened) -> None:
        """Pass on what the source holds; the egress needs it before the first segment."""
        self._egress.prepare(source.video)
        self._egress.set_size(description.width, description.height)
        self._tell(description)

    def began(self, origin: Origin) -> None:
        """Pass on where the timeline starts."""
        self._egress.set_zero(origin.zero_s)
        self._tell(Began(time.time(), origin.zero_s, origin.missed_head_s))

    def segment_cut(self, segment: Segment) -> None:
        """Queue a segment for output, then offer it for dubbing."""
        self._segments.put(segment)
        self._tell(
            SegmentCut(
                number=segment.number,
                start_s=seconds_of(segment.start_samples),
                duration_s=segment.samples / SAMPLE_RATE_HZ,
                cut_at=time.time(),
                tail=segment.tail,
                pcm=b"" if segment.tail else segment.pcm,
            )
        )

    def noted(self, event: str, **detail: object) -> None:
        """Pass on something worth a line in the log."""
        self._tell(Note("warning", event, detail))

    # What the egress tells.

    def output_connected(self) -> None:
        """Pass on that the output is being published."""
        self._tell(OutputConnected(time.time(), self._delay_s()))

    def released(
        self,
        segment: Segment,
        result: Result | None,
        *,
        output_start_s: float,
        skew_ms: float | None,
    ) -> None:
        """Pass on that a segment goes out."""
        self._tell(
            Released(
                number=segment.number,
                at=time.time(),
                outcome="original" if result is None else result.outcome,
                output_start_s=output_start_s,
                skew_ms=skew_ms,
            )
        )

    def stalled(self, stall: Stall) -> None:
        """Pass on that the output's clock was moved."""
        self._tell(Stalled(time.time(), stall.duration_s, self._delay_s()))

    def _delay_s(self) -> float:
        arrived_at = self._ingest.zero_arrived_at
        return 0.0 if arrived_at is None else self._egress.pacer.due_at(0.0) - arrived_at
