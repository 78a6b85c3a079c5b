"""Publishing a clip to the media server with ffmpeg, and ending that ffmpeg whatever happens."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from environment.topology import Topology


class Publication:
    """One ffmpeg that publishes one clip at one path; a context manager that always ends it.

    All times are Unix seconds.
    """

    def __init__(self, stack: Topology, clip: Path, path: str, *, realtime: bool = True) -> None:
        self.stack = stack
        self.clip = clip
        self.path = path
        self.realtime = realtime

    @property
    def started_at(self) -> float:
        """When ffmpeg was started."""
        raise NotImplementedError

    @property
    def finished_at(self) -> float | None:
        """When ffmpeg was seen to have ended; None while it runs."""
        raise NotImplementedError

    @property
    def exit_code(self) -> int | None:
        """ffmpeg's exit code; None while it runs."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """ffmpeg's process id."""
        raise NotImplementedError

    @property
    def log(self) -> str:
        """What ffmpeg has said on stderr so far (its last 64 KiB)."""
        raise NotImplementedError

    def start(self) -> Self:
        """Start ffmpeg."""
        raise NotImplementedError

    def wait_active(self, timeout_s: float = 10.0) -> float:
        """Wait until the media server reports the path ready; return when it was seen."""
        raise NotImplementedError

    def wait_finished(self, timeout_s: float) -> float:
        """Wait until the clip was published to its end; return when. Raises if ffmpeg failed."""
        raise NotImplementedError

    def stop(self) -> None:
        """End ffmpeg: terminate, then kill. Harmless when it has ended."""
        raise NotImplementedError

    def kill(self) -> None:
        """Let the publisher die as in a power cut: SIGKILL."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        raise NotImplementedError


def publish(stack: Topology, clip: Path, path: str, *, realtime: bool = True) -> Publication:
    """Publish ``clip`` at ``path`` (``live/<name>/in``) as it is, in real time by default.

    The returned publication is started; use it as a context manager, or hand it to
    ``ScenarioRun.cleanup``. Raises ``FileNotFoundError``, with the remedy, if the clip is missing.
    """
    raise NotImplementedError
