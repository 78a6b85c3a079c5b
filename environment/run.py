"""One recorded pipeline run: what happened when, every fragment, and what came out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from environment.observer import Observation

if TYPE_CHECKING:
    from environment.session import Session


@dataclass(frozen=True)
class FragmentRecord:
    """One fragment, as it went over the wire. Times: Unix seconds; None: never seen.

    ``source_start_s`` is counted from the source's time zero. ``source_audio`` and
    ``dubbed_audio`` are mono float32 in [-1, 1] at ``rate_hz``.
    """

    sequence_number: int
    fragment_id: str
    sent_at: float
    acked_at: float | None
    processed_at: float | None
    status: str | None
    transcript: str | None
    translated_text: str | None
    error: str | None
    processing_time_ms: int | None
    source_start_s: float
    source_duration_s: float
    rate_hz: int
    source_audio: NDArray[np.float32]
    dubbed_audio: NDArray[np.float32] | None

    @property
    def round_trip_s(self) -> float | None:
        """Seconds from sent to processed."""
        return None if self.processed_at is None else self.processed_at - self.sent_at


@dataclass(frozen=True)
class PipelineRun:
    """A clip published, dubbed and recorded, with everything that was seen on the way.

    Times: Unix seconds. ``report`` is media-service's own report of the stream, ``metrics_before``
    and ``metrics_after`` map ``name{label="value"}`` to the value in media-service.
    """

    stream_name: str
    stream_id: str
    path_in: str
    path_out: str
    clip: Path
    published_at: float
    ready_at: float
    detected_at: float
    processing_at: float
    publish_ended_at: float
    finished_at: float
    fragments: tuple[FragmentRecord, ...]
    report: dict[str, Any]
    source: Path
    output: Path
    events: tuple[Observation, ...]
    violations: tuple[str, ...]
    ffprobe_live: dict[str, Any] | None
    ffprobe_live_error: str | None
    metrics_before: dict[str, float]
    metrics_after: dict[str, float]
    media_server: str
    sts: dict[str, Any]
    folder: Path

    @property
    def transcript(self) -> str:
        """All transcripts in order, joined by spaces."""
        raise NotImplementedError

    @property
    def translation(self) -> str:
        """All translated texts in order, joined by spaces."""
        raise NotImplementedError

    @property
    def elapsed_s(self) -> float:
        """Seconds from the start of publishing to the last output packet."""
        raise NotImplementedError

    def metric_increase(self, name: str, **labels: str) -> float:
        """Return by how much a metric of media-service grew in this run."""
        raise NotImplementedError

    def write(self, folder: Path) -> Path:
        """Write run.json, events.jsonl and the dubbed audio as WAV; return run.json's path."""
        raise NotImplementedError


def run_pipeline(session: Session, clip: Path, *, name: str = "run") -> PipelineRun:
    """Publish ``clip`` under a fresh stream name and record everything until the output ended."""
    raise NotImplementedError
