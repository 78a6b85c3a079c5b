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
        checkpoint = self._checkpoint()
        report = checkpoint.report
        last = report.model_copy(update={"segments": report.segments[-MAX_SEGMENTS:]})
        content = checkpoint.model_copy(update={"report": last}).encode()
        try:
            await asyncio.to_thread(write_checkpoint, self._folder, content)
        except OSError as error:
            if not self._failed:
                self._metrics.spool_failures.inc()
                self._log.error(
                    "checkpoint_not_written",
                    folder=str(self._folder),
                    error=error.strerror or str(error),
                    hint="after a restart this stream would not be known; free the disk, or make "
                    "SEGMENT_DIR a folder that can be written",
                )
            self._failed = True
        else:
            self._failed = False
