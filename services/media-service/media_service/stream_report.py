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
    SegmentCut,
    Stalled,
)
from media_service.report import (
    MAX_LISTED,
    InputReport,
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
        output = report.output
        self._video_packets = 0 if output is None else output.video_packets
        self._audio_packets = 0 if output is None else output.audio_packets

    def record(self, message: Message) -> None:
        """Enter one message."""
        report = self._report
        match message:
            case Hello():
                report.worker = WorkerReport(pid=self._pid)
            case Opened():
                report.input = InputReport(**dataclasses.asdict(message))
            case Began():
                _begin(report, message)
            case SegmentCut():
                _append(report.segments, _segment(message))
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

    def _connect(self, message: OutputConnected) -> None:
        if self._report.output is None:
            self._report.output = OutputReport(
                url=self._output_url, connected_at=message.at, delay_s=message.delay_s
            )
        else:
            self._report.output.delay_s = message.delay_s

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


def _append(known: list[T], entry: T) -> None:
    known.append(entry)
    del known[:-MAX_LISTED]


def _begin(report: StreamReport, began: Began) -> None:
    report.processing_at = report.processing_at or began.at
    report.time_zero_s = began.zero_s
    if report.missed_head_s is None:
        report.missed_head_s = began.missed_head_s
    report.state = "processing"


def _segment(cut: SegmentCut) -> SegmentReport:
    return SegmentReport(
        number=cut.number,
        start_s=cut.start_s,
        duration_s=cut.duration_s,
        cut_at=cut.cut_at,
        reason="tail" if cut.tail else None,
    )


def _release(report: StreamReport, released: Released) -> None:
    segment = report.segment(released.number)
    if segment is not None:
        segment.released_at = released.at
        segment.outcome = released.outcome
        segment.output_start_s = released.output_start_s
        segment.skew_ms = released.skew_ms
