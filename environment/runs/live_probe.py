"""Looking at a stream with ffprobe while it is live, beside whatever else is being done."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any, Final, Self

from environment.runs.program import Program

ATTEMPT_TIMEOUT_S: Final = 12.0
MAX_ATTEMPTS: Final = 3
_SILENT_SERVER_US: Final = 8_000_000


class LiveProbe:
    """One ffprobe of a live URL that never holds its caller up; a context manager.

    Call ``start`` when the stream is there, then ``poll`` now and then. An attempt that fails or
    sees no media is repeated, three times at most.
    """

    def __init__(self, url: str, *, argv: Callable[[str], list[str]] | None = None) -> None:
        self.url = url
        self.result: dict[str, Any] | None = None
        self.error: str | None = None
        self._argv = argv or probe_argv
        self._attempts = 0
        self._program: Program | None = None
        self._began_at = 0.0
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115

    @property
    def started(self) -> bool:
        """Whether a first attempt was made."""
        return self._attempts > 0

    @property
    def busy(self) -> bool:
        """Whether an attempt is under way."""
        return self._program is not None

    def start(self) -> None:
        """Begin an attempt, unless one is under way, one succeeded or all were used up."""
        if self.busy or self.result is not None or self._attempts >= MAX_ATTEMPTS:
            return
        self._attempts += 1
        self._output.seek(0)
        self._output.truncate()
        self._began_at = time.monotonic()
        self._program = Program(self._argv(self.url), output=self._output).start()

    def poll(self) -> bool:
        """Look how it stands; begins the next attempt where one failed. True: it succeeded."""
        program = self._program
        if program is None:
            return self.result is not None
        if program.running:
            if time.monotonic() - self._began_at < ATTEMPT_TIMEOUT_S:
                return False
            self._end()
            self.error = f"ffprobe of {self.url} was not done within {ATTEMPT_TIMEOUT_S:g} s"
        else:
            self._program = None
            self._take(program.exit_code, program.log.strip()[-500:])
        if self.result is None:
            self.start()
        return self.result is not None

    def close(self) -> None:
        """End an attempt that is under way."""
        self._end()
        self._output.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _take(self, exit_code: int | None, said: str) -> None:
        self._output.seek(0)
        try:
            document = json.loads(self._output.read() or b"{}")
        except json.JSONDecodeError as error:
            document, said = {}, f"{said} ({error})"
        if exit_code == 0 and document.get("streams"):
            self.result, self.error = document, None
        else:
            self.error = f"ffprobe of {self.url} ended with {exit_code}: {said or 'no streams'}"

    def _end(self) -> None:
        program, self._program = self._program, None
        if program is not None:
            program.end()


def probe_argv(url: str) -> list[str]:
    """Return ffprobe's command line: streams and container, as JSON."""
    # `-timeout` would make ffprobe listen for a publisher.
    return [
        *("ffprobe", "-hide_banner", "-v", "error", "-rw_timeout", str(_SILENT_SERVER_US)),
        *("-show_streams", "-show_format", "-of", "json", "-i", url),
    ]
