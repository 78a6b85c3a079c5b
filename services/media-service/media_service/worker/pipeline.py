"""One stream's threads: a reading one, a publishing one, and what they tell the supervisor."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from media_service.audio_format import CHANNELS, SAMPLE_RATE_HZ, seconds_of
from media_service.protocol import (
    NOTHING_TO_READ,
    Failed,
    Finished,
    InputEnded,
    Note,
    Opened,
    OutputConnected,
    Read,
    Released,
    Report,
    Restored,
    Result,
    SegmentCut,
    Spooled,
    Stalled,
    Start,
)
from media_service.redaction import redacted
from media_service.worker.egress import MAX_HELD_OUTPUT_S, Egress
from media_service.worker.errors import StreamError
from media_service.worker.ingest import STOPPED, Ingest, Reading
from media_service.worker.output import OutputState
from media_service.worker.pacer import Pacer, Stall
from media_service.worker.restoring import read_unsent
from media_service.worker.segmenter import Segment
from media_service.worker.source import Source
from media_service.worker.spool import Spool
from media_service.worker.spool_files import NOWHERE, Position
from media_service.worker.standing import Standing
from media_service.worker.timeline import Origin
from media_service.worker.video_head import VideoHead
from media_service.worker.waiting_room import BACKLOG_FULL, SegmentQueue, VideoQueue

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

NO_INPUT = "no_input"
"""Why nothing was read: what is on disk goes out, and no more."""
SOURCE_CHANGED = "source_changed"
"""Why a reading ended that only another worker can take up."""
STOP_RESULT_S = 2.5
"""How long after a stop a result is waited for."""
STOP_READ_S = 0.5
"""How long after a stop the source's next packet is waited for."""
MAX_TRACE_CHARS = 4000
RESULT_GRACE_S = 2.0
"""How much later than the supervisor's own time limit a segment goes out without its word."""
DRAIN_GRACE_S = 22.0
"""What an earlier stream's last segment may be late beside its results: its worker is replaced."""


class Pipeline:
    """Carries one stream from its input to its output.

    ``tell`` is called from several threads and must be safe for that. ``done`` is set at the end,
    with ``exit_code`` 0 for an output that ended in order.
    """

    def __init__(
        self, start: Start, tell: Callable[[Report], None], pacer: Pacer | None = None
    ) -> None:
        self._start = start
        self._tell = tell
        self._segments = SegmentQueue(start.result_timeout_s + RESULT_GRACE_S)
        self._video = VideoQueue()
        self._ending = threading.Lock()
        self._input_ended = threading.Event()
        self._input_error: StreamError | None = None
        self._stopping = False
        self.done = threading.Event()
        self.exit_code = 1
        self._standing = Standing(start)
        self._offered_to = 0
        folder = None if start.spool_folder is None else Path(start.spool_folder)
        self._folder = folder
        self._spool = Spool(folder, lambda error: tell(Spooled(error)))
        self._ingest: Ingest | None = None
        self._egress = Egress(
            start.output_url,
            self._segments,
            self._video,
            self,
            pacer or Pacer(),
            path_free=not start.hold_output,
            max_held_s=max_held_s(start),
            language=start.language,
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
        """Start the threads: one that reads, one that sends, one that keeps on disk."""
        self._spool.begin()
        start = self._start
        first = self._reading(start.input_url, start.tracks, start.ready_since_s)
        self._run("ingest", lambda: self._read(first, restoring=True))
        self._run("egress", self._publish)

    def read(self, command: Read) -> None:
        """Read the source again, which is back, where the end has not gone out yet."""
        with self._ending:
            if self._stopping or not self._input_ended.is_set() or not self._segments.reopen():
                return
            self._video.reopen()
            self._input_ended.clear()
            self._input_error = None
            if command.another:
                self._standing.change_source()
        reading = self._reading(command.input_url, command.tracks, command.ready_since_s)
        self._run("ingest", lambda: self._read(reading))

    def resolve(self, result: Result) -> None:
        """Take the supervisor's word on one segment."""
        if self._segments.resolve(result):
            self._spool.answer(result)
        else:
            self._tell(Note("warning", "result_late", {"number": result.number}))

    def stop(self) -> None:
        """End the input here; what has been read still goes out, as fast as it can."""
        self._stopping = True
        ingest = self._ingest
        if ingest is not None:
            ingest.stop()
        self._segments.hurry(STOP_RESULT_S)
        self._egress.pacer.rush()
        if not self._input_ended.wait(STOP_READ_S):
            # The source says nothing, and its reading cannot be interrupted.
            if ingest is not None:
                ingest.cut_rest()
            self._end_input(STOPPED)

    def publish(self) -> None:
        """Let the output begin: its path is free."""
        self._egress.publish()

    def fail(self, error: StreamError) -> None:
        """Give the stream up."""
        self._end(Failed(error.reason, str(error), error.retryable), exit_code=1)

    def _end(self, report: Failed | Finished, *, exit_code: int) -> None:
        self._spool.close()
        with self._ending:
            if not self.done.is_set():
                self._tell(report)
                self.exit_code = exit_code
                self.done.set()
        self._egress.pacer.rush()

    def _run(self, name: str, work: Callable[[], None]) -> None:
        threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True).start()

    def _reading(self, url: str, tracks: int, ready_since_s: float) -> Reading:
        return Reading(url, tracks, ready_since_s, self._start.segment_s)

    def _read(self, reading: Reading, *, restoring: bool = False) -> None:
        error: StreamError | None = None
        try:
            if restoring:
                self._restore()
            reason = self._read_source(replace(reading, continuation=self._standing.continuation()))
        except StreamError as raised:
            # What is dubbed already goes out before the stream is given up.
            error, reason = raised, raised.reason
        self._end_input(reason, error)

    def _read_source(self, reading: Reading) -> str:
        if not reading.input_url:
            return NO_INPUT
        ingest = self._ingest = Ingest(reading, self)
        if self._stopping:
            ingest.stop()
        return ingest.run()

    def _restore(self) -> None:
        """Take up what an earlier worker has left: it goes out first."""
        if self._folder is None:
            return
        try:
            unsent = read_unsent(self._folder)
        except OSError as error:
            self._tell(Spooled(error.strerror or str(error)))
            return
        for name in unsent.broken:
            self.noted("spool_file_broken", file=name)
        position = self._egress.position = unsent.position
        if unsent.segments and unsent.head is not None:
            self._egress.prepare(unsent.head)
        for packet in unsent.pictures:
            self._queue_picture(packet)
        self._standing.pass_pictures_to(position.picture_s)
        numbers = [segment.number for segment, _ in unsent.segments]
        sent_s = seconds_of(position.sound_samples)
        self._tell(Restored(numbers, None if position == NOWHERE else sent_s))
        for segment, result in unsent.segments:
            self._offer(segment, result, restored=True)

    def _end_input(self, reason: str, error: StreamError | None = None) -> None:
        with self._ending:
            if self._input_ended.is_set():
                return
            found_nothing = error is not None and error.reason in NOTHING_TO_READ
            # A source that does not come back has ended, and what was read of it is whole.
            self._input_error = None if found_nothing and self._standing.has_begun else error
            self._input_ended.set()
            self._tell(InputEnded(reason, retryable=error is None or _worth_another(error)))
            # A reading that follows opens them again, and must not find them shut afterwards.
            self._video.close()
            self._segments.close()

    def _publish(self) -> None:
        self._egress.run()
        error = self._input_error
        # What found no place in the queues was never sent: it stays on disk.
        is_whole = error is None or error.reason not in BACKLOG_FULL
        self._spool.drop_before(sys.maxsize if is_whole else self._offered_to)
        if error is not None:
            self.fail(error)
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
        head = VideoHead.of(source.video, width=description.width, height=description.height)
        if not self._egress.prepare(head):
            raise StreamError(
                SOURCE_CHANGED,
                "the source's pictures are of another kind than before",
                retryable=True,
            )
        if head.width:
            self._spool.head(head)
        self._tell(description)

    def began(self, origin: Origin, *, zero_arrived_at: float) -> None:
        """Pass on where the timeline starts, or goes on."""
        self._tell(self._standing.begin(origin, zero_arrived_at=zero_arrived_at))

    def seen(self, number: int, packet: Packet[VideoStream]) -> None:
        """Queue a picture for output, and keep it."""
        self._spool.picture(number, packet)
        self._queue_picture(packet)

    def _queue_picture(self, packet: Packet[VideoStream]) -> None:
        self._video.put(packet)
        self._standing.pass_picture(packet)

    def heard(self, number: int, start_samples: int, pcm: bytes) -> None:
        """Keep some sound of the segment in hand."""
        self._spool.sound(number, start_samples, pcm)

    def segment_cut(self, segment: Segment) -> None:
        """Queue a segment for output, then offer it for dubbing."""
        self._spool.cut(segment.number)
        self._offer(segment, None, restored=False)

    def _offer(self, segment: Segment, result: Result | None, *, restored: bool) -> None:
        self._standing.pass_segment(segment)
        self._segments.put(segment, restored=restored)
        self._offered_to = segment.number + 1
        if result is not None:
            self._segments.resolve(result)
        self._tell(
            SegmentCut(
                number=segment.number,
                start_s=seconds_of(segment.start_samples),
                duration_s=segment.samples / SAMPLE_RATE_HZ,
                cut_at=time.time(),
                tail=segment.tail,
                restored=restored,
                pcm=b"" if segment.tail or result is not None else segment.pcm,
            )
        )

    def noted(self, event: str, **detail: object) -> None:
        """Pass on something worth a line in the log."""
        self._tell(Note("warning", event, detail))

    # What the egress tells.

    def output_connected(self, position_s: float) -> None:
        """Pass on that the output is being published."""
        self._tell(OutputConnected(time.time(), self._delay_s(), position_s))

    def sent(self, position: Position) -> None:
        """Note how far the output has come."""
        self._spool.sent(position)

    def released(
        self,
        segment: Segment,
        result: Result | None,
        *,
        output_start_s: float,
        skew_ms: float | None,
    ) -> None:
        """Pass on that a segment goes out; those before it have."""
        if result is None:
            self._spool.answer(Result(segment.number, "original", SAMPLE_RATE_HZ, CHANNELS))
        self._spool.drop_before(segment.number)
        self._tell(
            Released(
                number=segment.number,
                at=time.time(),
                outcome="original" if result is None else result.outcome,
                output_start_s=output_start_s,
                skew_ms=skew_ms,
                delay_s=self._delay_s(),
            )
        )

    def stalled(self, stall: Stall) -> None:
        """Pass on that the output's clock was moved."""
        self._tell(Stalled(time.time(), stall.duration_s, self._delay_s()))

    def _delay_s(self) -> float:
        return self._standing.delay_s(self._egress.pacer.due_at(0.0))


def max_held_s(start: Start) -> float:
    """Return how long an earlier stream may take to its end on the same output path.

    Its last segment waits for a result as long as any, and then goes out at its own pace.
    """
    drained_s = start.result_timeout_s + RESULT_GRACE_S + start.segment_s + DRAIN_GRACE_S
    return max(MAX_HELD_OUTPUT_S, drained_s)


def _worth_another(error: StreamError) -> bool:
    if error.reason == SOURCE_CHANGED:
        return False
    return error.retryable or error.reason in NOTHING_TO_READ
