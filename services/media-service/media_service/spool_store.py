"""The folder of all spools: what was left there, what is put aside, what is removed."""

from __future__ import annotations

import re
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from media_service.checkpoint import Checkpoint, CheckpointError, read_checkpoint
from media_service.logs import get_logger
from media_service.metrics import Metrics
from media_service.spool_names import POSITION, unpublished

MAX_ASIDE = 20
"""How many folders that nobody will take up are kept for whoever wants to look."""
_ASIDE = "corrupt-"
_STREAMS = re.compile(r".+-[0-9a-f]{8}")
"""What ends in eight digits of ours is a stream's; whatever else lies here is somebody else's."""
_PUT_ASIDE = re.compile(rf"{_ASIDE}\d+\.\d{{3}}-{_STREAMS.pattern}")
_log = get_logger()


@dataclass(frozen=True)
class LeftStream:
    """A stream that an earlier process has left, and when its output last got a packet."""

    checkpoint: Checkpoint
    sent_at: float | None

    @property
    def alive_at(self) -> float:
        """The Unix time at which that process last did anything for the stream."""
        return max(self.checkpoint.written_at, self.sent_at or 0.0)


class SpoolStore:
    """``SEGMENT_DIR``. All methods block, and none raises: without a disk the service goes on.

    Of streams that are over ``MAX_ASIDE`` folders are kept; they may be called by several threads.
    """

    def __init__(self, root: Path, metrics: Metrics) -> None:
        self._root = root
        self._metrics = metrics
        self._kept: list[str] = []
        self._keeping = threading.Lock()

    def folder(self, stream_id: str) -> Path:
        """Return where a stream's spool is."""
        return self._root / stream_id

    def prepare(self, stream_id: str) -> str | None:
        """Have a stream's folder, which is at work; return why it cannot be had."""
        with self._keeping:
            self._kept = [kept for kept in self._kept if kept != stream_id]
        try:
            self.folder(stream_id).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return error.strerror or str(error)
        return None

    def remove(self, stream_id: str) -> None:
        """Remove a stream's folder, if it is there."""
        self._remove(self.folder(stream_id))

    def keep(self, stream_id: str) -> None:
        """Leave the folder of a stream that is over, and remove the oldest such beyond a bound."""
        with self._keeping:
            self._kept = [*(kept for kept in self._kept if kept != stream_id), stream_id]
            beyond, self._kept = self._kept[:-MAX_ASIDE], self._kept[-MAX_ASIDE:]
        for oldest in beyond:
            _log.warning("kept_segments_removed", folder=str(self.folder(oldest)), bound=MAX_ASIDE)
            self.remove(oldest)

    def left(self) -> list[LeftStream]:
        """Return what an earlier process has left, oldest first; the unusable is put aside."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            folders = [path for path in self._root.iterdir() if path.is_dir()]
        except OSError as error:
            self._metrics.spool_failures.inc()
            _log.error(
                "spool_failed",
                folder=str(self._root),
                error=error.strerror or str(error),
                hint="nothing survives a restart: make SEGMENT_DIR a folder that can be written",
            )
            return []
        found = [self._read(path) for path in folders if _is_of_a_stream(path.name)]
        left = sorted((one for one in found if one is not None), key=lambda one: one.alive_at)
        over = [one for one in left if not one.checkpoint.goes_on]
        for one in over:
            self.keep(one.checkpoint.report.stream_id)
        self._bound_aside()
        return [one for one in left if one not in over[:-MAX_ASIDE]]

    def _bound_aside(self) -> None:
        """Remove the oldest of what was put aside; the time in a name is the time it was."""
        try:
            aside = [path for path in self._root.iterdir() if _PUT_ASIDE.fullmatch(path.name)]
        except OSError as error:
            _log.warning("spool_not_removed", folder=str(self._root), error=str(error))
            return
        for path in sorted(aside)[:-MAX_ASIDE]:
            self._remove(path)

    def _read(self, folder: Path) -> LeftStream | None:
        try:
            checkpoint = read_checkpoint(folder)
        except CheckpointError as error:
            self._put_aside(folder, str(error))
            return None
        position = folder / POSITION
        return LeftStream(checkpoint, position.stat().st_mtime if position.exists() else None)

    def _put_aside(self, folder: Path, error: str) -> None:
        aside = self._root / f"{_ASIDE}{time.time():.3f}-{folder.name}"
        self._metrics.checkpoints_corrupt.inc()
        _log.warning(
            "checkpoint_corrupt",
            folder=str(folder),
            aside=str(aside),
            error=error,
            segments=unpublished(folder),
        )
        try:
            folder.rename(aside)
        except OSError as problem:
            _log.error("spool_failed", folder=str(folder), error=problem.strerror or str(problem))

    def _remove(self, folder: Path) -> None:
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return
        except OSError as error:
            _log.warning("spool_not_removed", folder=str(folder), error=str(error))


def _is_of_a_stream(name: str) -> bool:
    return _STREAMS.fullmatch(name) is not None and _PUT_ASIDE.fullmatch(name) is None
