"""A player: one ffmpeg that reads a stream from the media server until the stream ends."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from environment.waiting import NotYet, wait_for

_STALLED_SERVER_US: Final = 30_000_000
# The headers of FLV, H.264 and AAC take some hundred bytes; more is media.
_HEADERS_BYTES: Final = 4096


class Player:
    """Reads ``url`` into a file, packet by packet; a context manager that always ends it."""

    def __init__(self, url: str, destination: Path, *, seconds: float | None = None) -> None:
        self.url = url
        self.destination = destination
        self._argv = [
            *("ffmpeg", "-nostdin", "-v", "error", "-y"),
            # Without it ffmpeg gathers five seconds before it knows the frame rate.
            *("-fpsprobesize", "0"),
            *("-rw_timeout", str(_STALLED_SERVER_US), "-i", url, "-c", "copy"),
        ]
        if seconds is not None:
            self._argv += ["-t", str(seconds)]
        self._argv += ["-flush_packets", "1", "-f", "flv", str(destination)]
        self._log = destination.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.destination.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)

    @property
    def exit_code(self) -> int | None:
        """ffmpeg's exit code; None while it plays."""
        return None if self._process is None else self._process.poll()

    @property
    def log(self) -> str:
        """What ffmpeg complained about."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def wait_playing(self, *, timeout_s: float = 10.0) -> None:
        """Wait until media has arrived. Raises ``WaitTimeout``, with ffmpeg's log."""
        self._wait("to receive media", self._received_media, timeout_s)

    def wait_ended(self, *, timeout_s: float) -> int:
        """Wait until the player ended by itself; return its exit code. ``WaitTimeout``."""
        self._wait("to end by itself", lambda: self.exit_code is not None, timeout_s)
        return self.exit_code or 0

    def _received_media(self) -> bool:
        return self.destination.exists() and self.destination.stat().st_size > _HEADERS_BYTES

    def _wait(self, what: str, probe: Callable[[], bool], timeout_s: float) -> None:
        def look() -> bool:
            if probe():
                return True
            raise NotYet(f"exit code {self.exit_code}, ffmpeg says {self.log[-500:]!r}")

        wait_for(f"the player of {self.url} {what}", look, timeout_s=timeout_s)
