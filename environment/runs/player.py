"""A player: one ffmpeg that reads a stream from the media server until the stream ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from environment.runs.media_urls import protocol_of
from environment.runs.program import Program, WithProgram
from environment.waiting import NotYet, wait_for

_STALLED_SERVER_US: Final = 30_000_000
# The headers of FLV, H.264 and AAC take some hundred bytes; more is media.
_HEADERS_BYTES: Final = 4096


class Player(WithProgram):
    """Reads ``url`` into a file, packet by packet; a context manager that always ends it."""

    def __init__(self, url: str, destination: Path, *, seconds: float | None = None) -> None:
        self.url = url
        self.destination = destination
        argv = [
            *("ffmpeg", "-nostdin", "-v", "error", "-y"),
            # Without it ffmpeg gathers five seconds before it knows the frame rate.
            *("-fpsprobesize", "0"),
            *_patience(url),
            *("-i", url, "-c", "copy"),
            *(() if seconds is None else ("-t", str(seconds))),
            *("-flush_packets", "1", "-f", "flv", str(destination)),
        ]
        self._program = Program(argv, log_file=destination.with_suffix(".log"), grace_s=5)

    @property
    def exit_code(self) -> int | None:
        """ffmpeg's exit code; None while it plays."""
        return self._program.exit_code

    @property
    def log(self) -> str:
        """What ffmpeg complained about."""
        return self._program.log

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


def _patience(url: str) -> tuple[str, ...]:
    """Return ffmpeg's options on how to read the URL, and how long to wait for its server."""
    if protocol_of(url) == "rtsp":
        return ("-rtsp_transport", "tcp", "-timeout", str(_STALLED_SERVER_US))
    return ("-rw_timeout", str(_STALLED_SERVER_US))
