"""What an earlier process has left on disk of a stream, made for tests."""

from __future__ import annotations

from pathlib import Path

from media_service.checkpoint import Checkpoint, SavedSource, write_checkpoint
from media_service.discovery import PublishedPath
from media_service.report import StreamReport, StreamState

SOURCE = PublishedPath("live/a/in", "a", "source", 1000.0, ("H264", "MPEG-4 Audio"))


def leave_checkpoint(
    root: Path,
    name: str,
    *,
    detected_at: float,
    written_at: float,
    goes_on: bool = True,
    state: StreamState = "starting",
) -> None:
    """Write the checkpoint of a stream at the path of ``SOURCE``, of which nothing was cut yet."""
    report = StreamReport(
        stream_id=name,
        name=SOURCE.name,
        path_in=SOURCE.path,
        path_out=SOURCE.output_path,
        ready_at=None,
        detected_at=detected_at,
        state=state,
    )
    checkpoint = Checkpoint(
        written_at=written_at,
        source=SavedSource.of(SOURCE),
        zero_at=None,
        goes_on=goes_on,
        report=report,
    )
    write_checkpoint(root / name, checkpoint.encode())
