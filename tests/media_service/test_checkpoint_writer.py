"""Checkpoints are written whatever a report holds, and whatever went wrong before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from structlog.testing import capture_logs

from media_service.checkpoint import Checkpoint, SavedSource, read_checkpoint
from media_service.checkpoint_writer import CheckpointWriter
from media_service.discovery import PublishedPath
from media_service.metrics import Metrics
from media_service.report import SegmentReport, StreamReport
from media_service.spool_names import CHECKPOINT

SOURCE = PublishedPath("live/a/in", "a", "source", 1000.0)
LONE = "uno \ud800 dos"
"""Half of a character: JSON lets it pass, and no file can hold it."""


def checkpoint(report: StreamReport, *, source_id: str = "source") -> Checkpoint:
    source = SavedSource.of(SOURCE).model_copy(update={"source_id": source_id})
    return Checkpoint(
        written_at=time.time(), source=source, zero_at=None, goes_on=True, report=report
    )


def report() -> StreamReport:
    return StreamReport(
        stream_id="a-00000001",
        name="a",
        path_in=SOURCE.path,
        path_out=SOURCE.output_path,
        ready_at=None,
        detected_at=1.0,
        segments=[SegmentReport(number=0, start_s=0.0, duration_s=6.0, cut_at=1.0)],
    )


def writer(folder: Path, asked: Callable[[], Checkpoint], metrics: Metrics) -> CheckpointWriter:
    return CheckpointWriter(folder, asked, metrics, structlog.get_logger())


async def written(folder: Path) -> None:
    async with asyncio.timeout(5):
        while not (folder / CHECKPOINT).exists():  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.001)


async def test_half_a_character_in_what_sts_says_costs_no_checkpoint(tmp_path: Path) -> None:
    folder, told = tmp_path / "a-00000001", report()
    told.segments[0].translated_text = LONE
    one = writer(folder, lambda: checkpoint(told), Metrics())
    one.begin()
    one.changed()
    await written(folder)
    await one.close()
    assert read_checkpoint(folder).report.segments[0].translated_text == "uno ? dos"


async def test_a_report_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    folder, told, metrics = tmp_path / "a-00000001", report(), Metrics()
    source_ids = iter([LONE, LONE])
    asked = asyncio.Event()

    def ask() -> Checkpoint:
        asked.set()
        return checkpoint(told, source_id=next(source_ids, "source"))

    one = writer(folder, ask, metrics)
    with capture_logs() as lines:
        one.begin()
        for _ in range(2):
            asked.clear()
            one.changed()
            await asked.wait()
        assert not (folder / CHECKPOINT).exists()
        await asyncio.sleep(0)
        one.changed()
        await written(folder)
        await one.close()
    assert [line["event"] for line in lines] == ["checkpoint_not_written"]
    assert "surrogates not allowed" in lines[0]["error"]
    assert metrics.registry.get_sample_value("media_service_spool_failures_total") == 1
    assert read_checkpoint(folder).source.source_id == "source"
