"""Enters what a worker tells into its stream's report."""

import dataclasses

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
    InputReport,
    OutputReport,
    SegmentReport,
    StallReport,
    StreamReport,
    WorkerReport,
)


def record(report: StreamReport, message: Message, *, pid: int, output_url: str) -> None:
    """Bring ``report`` up to date with one message of the worker ``pid``."""
    match message:
        case Hello():
            report.worker = WorkerReport(pid=pid)
        case Opened():
            report.input = InputReport(**dataclasses.asdict(message))
        case Began():
            report.processing_at = report.processing_at or message.at
            report.time_zero_s = message.zero_s
            report.missed_head_s = message.missed_head_s
            report.state = "processing"
        case SegmentCut():
            report.segments.append(_segment(message))
        case InputEnded():
            report.state = "draining"
        case OutputConnected():
            _connect(report, message, output_url)
        case Stalled() if report.output is not None:
            report.output.delay_s = message.delay_s
            report.output.stalls.append(StallReport(at=message.at, duration_s=message.duration_s))
        case Released():
            _release(report, message)
        case Heartbeat():
            _beat(report, message)
        case _:
            return


def _segment(cut: SegmentCut) -> SegmentReport:
    return SegmentReport(
        number=cut.number,
        start_s=cut.start_s,
        duration_s=cut.duration_s,
        cut_at=cut.cut_at,
        reason="tail" if cut.tail else None,
    )


def _connect(report: StreamReport, message: OutputConnected, output_url: str) -> None:
    if report.output is None:
        report.output = OutputReport(
            url=output_url, connected_at=message.at, delay_s=message.delay_s
        )
    else:
        report.output.delay_s = message.delay_s


def _release(report: StreamReport, released: Released) -> None:
    segment = report.segment(released.number)
    if segment is not None:
        segment.released_at = released.at
        segment.outcome = released.outcome
        segment.output_start_s = released.output_start_s
        segment.skew_ms = released.skew_ms


def _beat(report: StreamReport, beat: Heartbeat) -> None:
    if report.worker is not None:
        report.worker.cpu_s = beat.cpu_s
        report.worker.wall_s = beat.wall_s
        report.worker.rss_bytes = beat.rss_bytes
    if report.output is not None:
        report.output.first_packet_at = beat.first_packet_at
        report.output.last_packet_at = beat.last_packet_at
        report.output.video_packets = beat.video_packets
        report.output.audio_packets = beat.audio_packets
        report.output.duration_s = beat.output_duration_s
