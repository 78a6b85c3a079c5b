"""A stream's milestones, told to the run's log once each, at the time they happened (FR-043)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from environment.evidence.artifacts import RunLog

Milestone = tuple[tuple[object, ...], float, dict[str, object]]


class StreamLog:
    """Follows media-service's reports of one or more streams."""

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self._told: set[tuple[object, ...]] = set()

    def follow(self, report: Mapping[str, Any]) -> None:
        """Note what is new in ``report`` since the last one."""
        stream = report.get("name")
        for key, at, fields in milestones(report):
            if (stream, *key) not in self._told:
                self._told.add((stream, *key))
                self._log.note(at, str(key[0]), {"stream": stream, **fields})


def milestones(report: Mapping[str, Any]) -> Iterator[Milestone]:
    """Yield (key, Unix time, fields) of everything that a report says has happened."""
    for event, stamp in (
        ("stream_ready", "ready_at"),
        ("stream_detected", "detected_at"),
        ("stream_processing", "processing_at"),
    ):
        if report.get(stamp):
            yield (event,), float(report[stamp]), {}
    for segment in report.get("segments", []):
        number = segment["number"]
        for event, stamp in (
            ("segment_cut", "cut_at"),
            ("segment_sent", "sent_at"),
            ("segment_processed", "processed_at"),
            ("segment_released", "released_at"),
        ):
            if segment.get(stamp):
                fields: dict[str, object] = {"number": number}
                if event == "segment_processed":
                    fields |= {"transcript": segment.get("transcript")}
                if event == "segment_released":
                    fields |= {"outcome": segment.get("outcome"), "reason": segment.get("reason")}
                yield (event, number), float(segment[stamp]), fields
    output = report.get("output") or {}
    if output.get("first_packet_at"):
        yield ("output_first_packet",), float(output["first_packet_at"]), {"url": output.get("url")}
    if report.get("state") in {"finished", "failed"}:
        if output.get("last_packet_at"):
            duration = {"duration_s": output.get("duration_s")}
            yield ("output_last_packet",), float(output["last_packet_at"]), duration
        if report.get("finished_at"):
            fields = {"error": report.get("error")}
            yield (f"stream_{report['state']}",), float(report["finished_at"]), fields
