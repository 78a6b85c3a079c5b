"""Writes one stream's checkpoint whenever it is due, without holding up the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from media_service.checkpoint import MAX_SEGMENTS, Checkpoint, write_checkpoint
from media_service.metrics import Metrics


class CheckpointWriter:
    """``changed`` says that a checkpoint is due; what comes while one is written is the next.

    ``checkpoint`` is asked for it then. What cannot be written is logged once, until it can.
    """

    def __init__(
        self,
        folder: Path,
        checkpoint: Callable[[], Checkpoint],
        metrics: Metrics,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._folder = folder
        self._checkpoint = checkpoint
        self._metrics = metrics
        self._log = log
        self._due = asyncio.Event()
        self._failed = False
        self._closing = False
        self._writing: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start writing."""
        self._closing = False
        self._writing = asyncio.create_task(self._run(), name="checkpoint")

    def changed(self) -> None:
        """Have a checkpoint written soon."""
        self._due.set()

    async def close(self) -> None:
        """Write the last one, and stop."""
        writing, self._writing = self._writing, None
        if writing is not None:
            self._closing = True
            self._due.set()
            await writing

    async def _run(self) -> None:
        while not self._closing:
            await self._due.wait()
            self._due.clear()
            await self._write()

    async def _write(self) -> None:
        try:
            await asyncio.to_thread(write_checkpoint, self._folder, self._content())
        except OSError as error:
            self._tell_failed(
                error.strerror or str(error), "free the disk, or make SEGMENT_DIR writable"
            )
        except Exception as error:  # noqa: BLE001 - the task's outermost edge: the next may be fit
            self._tell_failed(repr(error), "the report cannot be put into a file: a fault of ours")
        else:
            self._failed = False

    def _content(self) -> bytes:
        checkpoint = self._checkpoint()
        report = checkpoint.report
        last = report.model_copy(update={"segments": report.segments[-MAX_SEGMENTS:]})
        return checkpoint.model_copy(update={"report": last}).encode()

    def _tell_failed(self, error: str, remedy: str) -> None:
        if not self._failed:
            self._metrics.spool_failures.inc()
            self._log.error(
                "checkpoint_not_written",
                folder=str(self._folder),
                error=error,
                hint=f"after a restart this stream would not be known; {remedy}",
            )
        self._failed = True
