"""One recorded pipeline run: what happened when, every fragment, and what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from environment.errors import HarnessError
from environment.evidence.artifacts import iso_time, write_events, write_json
from environment.runs.fragments import FragmentRecord, write_wav
from environment.runs.observations import Observation
from environment.stack.metrics import total

__all__ = ["FragmentRecord", "PipelineFailed", "PipelineRun"]

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


class PipelineFailed(HarnessError):  # noqa: N818 - the family's way of naming
    """A pipeline run did not come to its end; what was seen of it lies in ``folder``.

    ``report`` is the last that media-service reported of the stream; empty: it never did.
    """

    def __init__(
        self,
        message: str,
        *,
        folder: Path,
        report: Mapping[str, Any] | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.folder = folder
        self.report = dict(report or {})


@dataclass(frozen=True)
class PipelineRun:
    """A clip published, dubbed and recorded, with everything that was seen on the way.

    Times: Unix seconds; ``published_at``, ``active_at``, ``publish_ended_at`` and
    ``output_gone_at`` (the output path seen gone in the Control API) by the harness's own clock,
    the others by media-service's word. ``output_bytes`` are the media server's counts of the
    output's bytes, each with the time at which the harness read it; both are empty for a run whose
    output was not watched. ``input_state`` is the media server's description of the input's path
    while it was read: who published it, and who read it, over which protocol. ``report`` is
    media-service's own report of the stream. ``source`` and ``output`` are the media server's
    recordings. ``metrics_before`` and ``metrics_after`` hold
    media-service's samples by name and labels, ``sts_metrics_before`` and ``sts_metrics_after``
    those of sts-service; None where that is not of this system, or was not asked.
    ``result_order`` are the sequence numbers of the results in the order in which they came.
    """

    stream_name: str
    stream_id: str
    path_in: str
    path_out: str
    clip: Path
    folder: Path
    published_at: float
    active_at: float
    ready_at: float
    detected_at: float
    processing_at: float
    publish_ended_at: float
    finished_at: float
    fragments: tuple[FragmentRecord, ...]
    result_order: tuple[int, ...]
    report: dict[str, Any] = field(repr=False)
    source: Path
    output: Path
    events: tuple[Observation, ...] = field(repr=False)
    violations: tuple[str, ...]
    ffprobe_live: dict[str, Any] | None = field(repr=False)
    ffprobe_live_error: str | None
    metrics_before: Samples = field(repr=False)
    metrics_after: Samples = field(repr=False)
    media_server: str
    sts: dict[str, Any]
    output_gone_at: float | None = None
    sts_metrics_before: Samples | None = field(default=None, repr=False)
    sts_metrics_after: Samples | None = field(default=None, repr=False)
    input_state: dict[str, Any] = field(default_factory=dict, repr=False)
    output_bytes: tuple[tuple[float, int], ...] = field(default=(), repr=False)

    @property
    def segments(self) -> list[dict[str, Any]]:
        """The segments of media-service's report, in order."""
        return list(self.report.get("segments", []))

    @property
    def transcript(self) -> str:
        """All transcripts in the source's order, joined by spaces."""
        return _joined(fragment.transcript for fragment in self._in_order)

    @property
    def translation(self) -> str:
        """All translated texts in the source's order, joined by spaces."""
        return _joined(fragment.translated_text for fragment in self._in_order)

    @property
    def last_packet_at(self) -> float:
        """When the last output packet went out: by media-service's word, else the path's end.

        Raises ``HarnessError`` where neither is known.
        """
        at = (self.report.get("output") or {}).get("last_packet_at") or self.output_gone_at
        if at is None:
            raise HarnessError(f"Nobody knows when the output of {self.path_in} ended.")
        return float(at)

    @property
    def elapsed_s(self) -> float:
        """Seconds from the start of publishing to the end of the output (FR-019, SC-001).

        The end is the later of media-service's last packet and the path's end as the harness saw
        it, so that no service's word can make a run shorter than it was.
        """
        return max(self.last_packet_at, self.output_gone_at or 0.0) - self.published_at

    @property
    def longest_silence_s(self) -> float:
        """The longest time in which not one byte came, between the output's first and last.

        By the samples in ``output_bytes``: up to two sampling intervals less than it was, never
        more. Before two growths were seen it is 0.
        """
        return longest_standstill_s(self.output_bytes)

    def service_log(self, container: str) -> str:
        """What a container, by its plain name, logged during the run: as kept when that ended.

        The container itself may have been replaced since, and its log with it.
        """
        return (self.folder / f"{container}.log").read_text(encoding="utf-8")

    def metric_increase(self, name: str, **labels: str) -> float:
        """Return by how much a metric of media-service grew, over all samples with ``labels``.

        Raises ``MetricMissing`` where there is no such metric.
        """
        return total(self.metrics_after, name, labels) - total(self.metrics_before, name, labels)

    def write(self, folder: Path | None = None) -> Path:
        """Write run.json, events.jsonl and the fragments' audio as WAV; return run.json's path."""
        folder = folder or self.folder
        write_events(folder / "events.jsonl", self.events)
        for fragment in self.fragments:
            name = f"fragment-{fragment.sequence_number:02d}.wav"
            write_wav(folder / "sent" / name, fragment.source_audio, fragment.rate_hz)
            if fragment.dubbed_audio is not None:
                write_wav(folder / "dubbed" / name, fragment.dubbed_audio, fragment.rate_hz)
        return write_json(folder / "run.json", self.document())

    def document(self) -> dict[str, Any]:
        """Return the run without audio and events, ready for JSON."""
        apart = {"fragments", "events", "output_bytes"}
        return {
            **{
                key: value
                for key, value in vars(self).items()
                if key not in apart and not key.endswith(("metrics_before", "metrics_after"))
            },
            "published": iso_time(self.published_at),
            "elapsed_s": self.elapsed_s,
            "longest_silence_s": self.longest_silence_s,
            "output_bytes": [[round(at, 3), count] for at, count in self.output_bytes],
            "transcript": self.transcript,
            "translation": self.translation,
            "fragments": [fragment.document() for fragment in self.fragments],
            "events": len(self.events),
            "metrics": {
                "before": _named(self.metrics_before),
                "after": _named(self.metrics_after),
                "sts_before": _named(self.sts_metrics_before or {}),
                "sts_after": _named(self.sts_metrics_after or {}),
            },
        }

    @property
    def _in_order(self) -> list[FragmentRecord]:
        return sorted(self.fragments, key=lambda fragment: fragment.sequence_number)


@dataclass(frozen=True)
class Standstill:
    """A time in which a counter did not grow: seen grown, not grown any more, and grown again."""

    since: float
    until: float
    over_at: float

    @property
    def duration_s(self) -> float:
        """For how long it stood still at least."""
        return self.until - self.since


def longest_standstill(samples: Sequence[tuple[float, int]]) -> Standstill | None:
    """Return the longest time in which a counter stood still, between two growths of it.

    One that is lower than before has begun anew: what it counts then is growth. While nobody
    counts, between two publications, there are no samples, and nothing that stands still.
    """
    longest = None
    grown_at = previous_at = None
    count = 0
    for at, seen in samples:
        if seen and seen != count:
            if grown_at is not None and previous_at is not None:
                still = Standstill(grown_at, previous_at, at)
                if longest is None or still.duration_s > longest.duration_s:
                    longest = still
            grown_at = at
        count, previous_at = seen, at
    return longest


def longest_standstill_s(samples: Sequence[tuple[float, int]]) -> float:
    """Return for how many seconds a counter stood still at most; 0 before it grew twice."""
    longest = longest_standstill(samples)
    return 0.0 if longest is None else longest.duration_s


def _joined(texts: Any) -> str:
    return " ".join(text.strip() for text in texts if text and text.strip())


def _named(samples: Samples) -> dict[str, float]:
    def key(name: str, labels: frozenset[tuple[str, str]]) -> str:
        inner = ",".join(f'{label}="{value}"' for label, value in sorted(labels))
        return f"{name}{{{inner}}}" if inner else name

    return {
        key(name, labels): value
        for (name, labels), value in sorted(
            samples.items(), key=lambda item: (item[0][0], sorted(item[0][1]))
        )
    }
