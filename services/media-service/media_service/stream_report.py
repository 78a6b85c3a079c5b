"""Enters what a worker tells into its stream's report."""

import dataclasses
from typing import TypeVar

from media_service.protocol import (
    Began,
    Heartbeat,
    Hello,
    InputEnded,
    Message,
    Opened,
    OutputConnected,
    Released,
    Restored,
    SegmentCut,
    Spooled,
    Stalled,
)
from media_service.report import (
    MAX_LISTED,
    InputReport,
    InterruptionReport,
    OutputReport,
    SegmentReport,
    StallReport,
    StreamReport,
    WorkerReport,
)

T = TypeVar("T")


class Recorder:
    """Keeps ``report`` up to date with what one worker tells; earlier workers' counts stay in."""

    def __init__(self, report: StreamReport, *, pid: int, output_url: str) -> None:
        self._report = report
        self._pid = pid
        self._output_url = output_url
        self._sent_to_s: float | None = None
        output = report.output
        self._video_packets = 0 if output is None else output.video_packets
        self._audio_packets = 0 if output is None else output.audio_packets

    def record(self, message: Message) -> None:
        """Enter one message."""
        report = self._report
        match message:
            case Hello():
                report.worker = WorkerReport(pid=self._pid)
                report.workers += 1
            case Opened():
                report.input = InputReport(**dataclasses.asdict(message))
            case Restored() | Spooled():
                self._look_at_disk(message)
            case Began():
                _begin(report, message)
            case SegmentCut():
                _cut(report, message)
                _list_unsent(report)
            case InputEnded():
                report.state = "draining"
            case OutputConnected():
                self._connect(message)
            case Stalled() if report.output is not None:
                report.output.delay_s = message.delay_s
                stall = StallReport(at=message.at, duration_s=message.duration_s)
                _append(report.output.stalls, stall)
            case Released():
                _release(report, message)
            case Heartbeat():
                self._beat(message)
            case _:
                return

    def _look_at_disk(self, message: Restored | Spooled) -> None:
        interruption, spool = open_interruption(self._report), self._report.spool
        if isinstance(message, Spooled):
            if spool is not None:
                spool.error = message.error
            return
        self._sent_to_s = message.position_s
        if interruption is not None:
            interruption.recovered = message.numbers

    def _connect(self, message: OutputConnected) -> None:
        output = self._report.output
        if output is None:
            self._report.output = OutputReport(
                url=self._output_url, connected_at=message.at, delay_s=message.delay_s
            )
            return
        output.delay_s = message.delay_s
        interruption = self._report.interruptions[-1] if self._report.interruptions else None
        if interruption is not None and interruption.output_resumed_at is None:
            sent_to_s = output.duration_s if self._sent_to_s is None else self._sent_to_s
            interruption.output_resumed_at = message.at
            interruption.output_gap_s = round(message.position_s - sent_to_s, 6)
            if output.last_packet_at is not None:
                interruption.output_pause_s = max(0.0, message.at - output.last_packet_at)

    def _beat(self, beat: Heartbeat) -> None:
        worker, output = self._report.worker, self._report.output
        if worker is not None:
            worker.cpu_s = beat.cpu_s
            worker.wall_s = beat.wall_s
            worker.rss_bytes = beat.rss_bytes
        if output is not None:
            output.first_packet_at = output.first_packet_at or beat.first_packet_at
            output.last_packet_at = beat.last_packet_at or output.last_packet_at
            output.video_packets = self._video_packets + beat.video_packets
            output.audio_packets = self._audio_packets + beat.audio_packets
            # Workers share the timeline, and this is a position on it.
            output.duration_s = max(output.duration_s, beat.output_duration_s)


def interrupt(report: StreamReport, reason: str, at: float) -> bool:
    """Enter an interruption; False where the last one is not over yet, and this is part of it."""
    if open_interruption(report) is not None:
        return False
    _append(report.interruptions, InterruptionReport(reason=reason, at=at))
    return True


def open_interruption(report: StreamReport) -> InterruptionReport | None:
    """Return the interruption since which nothing was read, if there is one."""
    last = report.interruptions[-1] if report.interruptions else None
    return last if last is not None and last.resumed_at is None else None


def _append(known: list[T], entry: T) -> None:
    known.append(entry)
    del known[:-MAX_LISTED]


def _begin(report: StreamReport, began: Began) -> None:
    if (interruption := open_interruption(report)) is not None:
        interruption.resumed_at = began.at
        interruption.number = began.number
        interruption.gap_s = round(began.start_s - report.end_s, 6)
    report.processing_at = report.processing_at or began.at
    report.time_zero_s = began.zero_s
    if report.missed_head_s is None:
        report.missed_head_s = began.missed_head_s
    report.state = "processing"


def _cut(report: StreamReport, cut: SegmentCut) -> None:
    segment = report.segment(cut.number)
    if segment is None:
        _append(report.segments, _segment(cut))
        return
    segment.restored = cut.restored
    if segment.released_at is None:
        segment.outcome = "pending"
        segment.reason = None if segment.reason in ("kept", "lost") else segment.reason


def _list_unsent(report: StreamReport) -> None:
    if report.spool is not None and report.spool.error is None:
        report.spool.segments = [s.number for s in report.segments if s.outcome == "pending"]


def _segment(cut: SegmentCut) -> SegmentReport:
    return SegmentReport(
        restored=cut.restored,
        number=cut.number,
        start_s=cut.start_s,
        duration_s=cut.duration_s,
        cut_at=cut.cut_at,
        reason="tail" if cut.tail else None,
    )


def _release(report: StreamReport, released: Released) -> None:
    segment = report.segment(released.number)
    if segment is not None:
        segment.released_at = segment.released_at or released.at
        segment.outcome = released.outcome
        segment.output_start_s = released.output_start_s
        segment.skew_ms = released.skew_ms
    if report.output is not None and released.delay_s is not None:
        report.output.delay_s = released.delay_s
    _list_unsent(report)
