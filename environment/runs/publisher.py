"""Publishing a clip to the media server with ffmpeg, and ending that ffmpeg whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from environment.errors import HarnessError
from environment.runs.media_urls import Protocol, media_url, protocol_of
from environment.runs.program import Program
from environment.stack.topology import EventSink, Topology, discard_event
from environment.waiting import NotYet, wait_for

_STALLED_SERVER_US: Final = 60_000_000
# One frame of sound a packet: what waits at the end for its packet to fill is lost.
_PACKET_US: Final = 25_000
# What is written at the end would need a file that can be sought in.
_NO_DURATION: Final = ("-flvflags", "no_duration_filesize")


class PublishFailed(HarnessError):  # noqa: N818 - the family's way of naming
    """ffmpeg ended before the clip did, or with an error; carries the end of its log."""


class ClipMissing(FileNotFoundError):  # noqa: N818 - likewise
    """A test fixture is not where it should be; the scenario that needs it is skipped."""


class Publication:
    """One ffmpeg that publishes one clip at one path; a context manager that always ends it.

    All times are Unix seconds. ``path_state`` asks the media server's Control API for a path.
    """

    def __init__(
        self,
        clip: Path,
        url: str,
        path: str,
        *,
        path_state: Callable[[str], dict[str, Any] | None],
        realtime: bool = True,
        on_event: EventSink = discard_event,
    ) -> None:
        self.clip = clip
        self.url = url
        self.path = path
        self.realtime = realtime
        self._path_state = path_state
        self._on_event = on_event
        self._program = Program(publish_argv(clip, url, realtime=realtime))
        self._finished_at: float | None = None
        self._stopping = False

    @property
    def started_at(self) -> float:
        """When ffmpeg was started; 0 before."""
        return self._program.started_at

    @property
    def finished_at(self) -> float | None:
        """When ffmpeg was seen to have ended; None while it runs."""
        self._poll()
        return self._finished_at

    @property
    def exit_code(self) -> int | None:
        """ffmpeg's exit code; None while it runs."""
        return self._poll()

    @property
    def running(self) -> bool:
        """Whether ffmpeg is at work."""
        return self._program.running

    @property
    def pid(self) -> int:
        """ffmpeg's process id; raises ``HarnessError`` before the start."""
        return self._program.pid

    @property
    def log(self) -> str:
        """What ffmpeg has said so far: the last 64 KiB."""
        return self._program.log

    def start(self) -> Self:
        """Start ffmpeg; raises ``ToolUnavailable`` where there is none."""
        self._program.start()
        self._on_event("publish_started", path=self.path, clip=self.clip.name, pid=self.pid)
        return self

    def wait_active(self, timeout_s: float = 10.0) -> float:
        """Wait until the media server reports the path ready; return when that was seen.

        Raises ``PublishFailed`` if ffmpeg ends meanwhile, ``WaitTimeout`` at the deadline.
        """

        def probe() -> float:
            state = self._path_state(self.path)
            if state is None:
                raise NotYet("the media server does not know the path")
            if is_ready(state):
                return time.time()
            raise NotYet("the path is known but not ready")

        active_at = wait_for(
            f"the media server to report {self.path} active",
            probe,
            timeout_s=timeout_s,
            interval_s=0.05,
            alive=self.check,
            evidence=lambda: f"ffmpeg said:\n{self.log[-2000:]}",
        )
        self._on_event(
            "publish_active", path=self.path, after_s=round(active_at - self.started_at, 3)
        )
        return active_at

    def wait_finished(self, timeout_s: float) -> float:
        """Wait until the clip was published to its end; return when.

        Raises ``PublishFailed`` if ffmpeg failed, ``WaitTimeout`` if it is still at it.
        """
        finished_at = wait_for(
            f"ffmpeg to have published {self.clip.name} at {self.path}",
            lambda: self.finished_at,
            timeout_s=timeout_s,
            interval_s=0.05,
        )
        if self.exit_code:
            raise self._failed()
        return finished_at

    def stop(self) -> None:
        """End ffmpeg in order: terminate, after 2 s kill. Harmless when it has ended."""
        self._stopping = True
        self._program.end()
        self._poll()

    def kill(self) -> None:
        """Let the publisher die as in a power cut: SIGKILL, no end of stream is said."""
        self._stopping = True
        self._program.kill()
        self._poll()

    def check(self) -> None:
        """Raise ``PublishFailed`` if ffmpeg has ended with an error."""
        if self._poll():
            raise self._failed()

    def __enter__(self) -> Self:
        return self if self.started_at else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _poll(self) -> int | None:
        code = self._program.exit_code
        if code is not None and self._finished_at is None:
            self._finished_at = time.time()
            self._on_event(
                "publish_ended", path=self.path, exit_code=code, stopped=self._stopping or None
            )
        return code

    def _failed(self) -> PublishFailed:
        return PublishFailed(
            f"ffmpeg ended with exit code {self.exit_code} while publishing {self.clip.name} at "
            f"{self.url}; it said:\n{self.log[-2000:].strip()}\n",
            remedy="look for the refusal in the media server's log",
        )


def publish(
    stack: Topology,
    clip: Path,
    path: str,
    *,
    protocol: Protocol | None = None,
    realtime: bool = True,
    on_event: EventSink = discard_event,
) -> Publication:
    """Publish ``clip`` at ``path`` (``live/<name>/in``) as it is, in real time by default.

    Without a ``protocol`` over the one that the topology's text has. The returned publication is
    started; use it as a context manager, or hand it to ``ScenarioRun.cleanup``. Raises
    ``ClipMissing``, with the remedy, if there is no such clip.
    """
    require_clip(clip)
    return Publication(
        clip,
        stack.publish_url(path) if protocol is None else media_url(stack, path, protocol),
        path,
        path_state=stack.media_server.path,
        realtime=realtime,
        on_event=on_event,
    ).start()


def require_clip(clip: Path) -> Path:
    """Return the clip if it is there; else raise ``ClipMissing`` with the remedy."""
    if not clip.is_file():
        raise ClipMissing(
            f"The test fixture {clip} is missing. Remedy: `git checkout -- fixtures`, or "
            "`make fixtures` to make it anew."
        )
    return clip


def publish_argv(clip: Path, url: str, *, realtime: bool) -> list[str]:
    """Return ffmpeg's command line: the clip's packets as they are, to an RTMP or RTSP URL."""
    over_rtsp = ("-f", "rtsp", "-rtsp_transport", "tcp", "-max_delay", str(_PACKET_US))
    over_rtmp = ("-f", "flv", "-rw_timeout", str(_STALLED_SERVER_US))
    muxed = over_rtsp if protocol_of(url) == "rtsp" else (*over_rtmp, *_NO_DURATION)
    return [
        *("ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-loglevel", "info"),
        *(("-re",) if realtime else ()),
        *("-i", str(clip), "-c", "copy", *muxed, url),
    ]


def is_ready(path_state: dict[str, Any]) -> bool:
    """Whether a Control API path item says that it can be read (old and new field names)."""
    return bool(path_state.get("ready") or path_state.get("available"))
