"""The worker process: ``python3 -m media_service.worker``, spoken to in frames on its pipes."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from media_service.protocol import (
    Heartbeat,
    Hello,
    Note,
    ProtocolError,
    Publish,
    Read,
    Report,
    Result,
    Start,
    Stop,
    encode,
    read_message,
)
from media_service.worker.errors import StreamError
from media_service.worker.pipeline import Pipeline

HEARTBEAT_S = 0.5
MAX_SENDING_S = 10.0
"""A server that takes nothing for this long is not coming back on this connection."""
OOM_SCORE = 500
"""Of 1000: a worker is replaced, a supervisor takes every stream with it."""
EXIT_ORPHANED = 3
EXIT_PROTOCOL = 4
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class _Voice:
    """Writes frames to the supervisor, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def tell(self, report: Report) -> None:
        frame = memoryview(encode(report))
        with self._lock:
            while frame:
                try:
                    frame = frame[os.write(self._descriptor, frame) :]
                except BrokenPipeError:
                    os._exit(EXIT_ORPHANED)


def main() -> int:
    """Carry one stream; return the exit code."""
    voice = _Voice(os.dup(sys.stdout.fileno()))
    # Libraries may print; the pipe is for frames alone.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _offer_oneself()
    commands = sys.stdin.fileno()
    voice.tell(Hello(os.getpid()))
    start = read_message(lambda size: os.read(commands, size))
    if start is None or isinstance(start, Stop):
        return 0
    if not isinstance(start, Start):
        return EXIT_PROTOCOL
    pipeline = Pipeline(start, voice.tell)
    threading.Thread(
        target=_obey, args=(commands, pipeline, voice.tell), name="commands", daemon=True
    ).start()
    began_at = time.monotonic()
    pipeline.begin()
    while not pipeline.done.wait(HEARTBEAT_S):
        voice.tell(_heartbeat(pipeline, began_at))
        sending_since = pipeline.output.sending_since
        if sending_since is not None and time.monotonic() - sending_since > MAX_SENDING_S:
            pipeline.fail(
                StreamError(
                    "output_blocked",
                    f"the output took nothing for {MAX_SENDING_S:.0f} s",
                    retryable=True,
                )
            )
    voice.tell(_heartbeat(pipeline, began_at))
    return pipeline.exit_code


def _obey(commands: int, pipeline: Pipeline, tell: Callable[[Report], None]) -> None:
    """Take commands until the supervisor is gone; without it the process has no purpose."""
    while True:
        try:
            command = read_message(lambda size: os.read(commands, size))
        except (ProtocolError, OSError) as error:
            tell(Note("error", "protocol_broken", {"error": str(error)}))
            os._exit(EXIT_PROTOCOL)
        if command is None:
            os._exit(EXIT_ORPHANED)
        if isinstance(command, Result):
            pipeline.resolve(command)
        elif isinstance(command, Read):
            pipeline.read(command)
        elif isinstance(command, Publish):
            pipeline.publish()
        elif isinstance(command, Stop):
            # Of its own, because results are to be taken while the input ends.
            threading.Thread(target=pipeline.stop, name="stop", daemon=True).start()


def _offer_oneself() -> None:
    """Have the kernel end this process before the supervisor, where memory runs out."""
    with suppress(OSError):
        # Where /proc cannot be written the kernel decides for itself.
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))


def _heartbeat(pipeline: Pipeline, began_at: float) -> Heartbeat:
    output = pipeline.output
    resident_pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Heartbeat(
        cpu_s=time.process_time(),
        wall_s=time.monotonic() - began_at,
        rss_bytes=resident_pages * _PAGE_BYTES,
        waiting_video_bytes=pipeline.waiting_video_bytes,
        video_packets=output.video_packets,
        audio_packets=output.audio_packets,
        first_packet_at=output.first_packet_at,
        last_packet_at=output.last_packet_at,
        output_duration_s=output.duration_s,
    )


if __name__ == "__main__":
    # A thread may be stuck inside FFmpeg: leave without waiting for it.
    code = main()
    sys.stderr.flush()
    os._exit(code)
