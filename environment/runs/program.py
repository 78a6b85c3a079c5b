"""A program that runs beside the suite: apart from the terminal, its log bounded, always ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from environment.errors import HarnessError, ToolUnavailable
from environment.stack.strays import mark

LOG_TAIL_BYTES: Final = 64 * 1024
TERMINATE_TIMEOUT_S: Final = 2.0
KILL_TIMEOUT_S: Final = 5.0
_PACKAGES: Final = {"ffprobe": "ffmpeg"}

_running: Final[weakref.WeakSet[Program]] = weakref.WeakSet()


class Program:
    """One child process in a session of its own; a context manager that always ends it.

    What it says goes to ``log_file``, by default a temporary file, stdout too unless ``output``
    takes that. It is ended (terminate, after ``grace_s`` kill) by leaving the context, by ``end``,
    by ``end_all``, with its last reference, and at the interpreter's exit. Its environment bears a
    mark that says who started it: where that was killed, others can end what is left.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log_file: Path | None = None,
        output: IO[bytes] | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        grace_s: float = TERMINATE_TIMEOUT_S,
    ) -> None:
        self.argv = tuple(argv)
        self._output = output
        self._environment = environment
        self._folder = folder
        self._grace_s = grace_s
        self._log: IO[bytes] = _log_to(log_file)
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._asked = False

    @property
    def started_at(self) -> float:
        """When it was started, in Unix seconds; 0 before."""
        return self._started_at

    @property
    def pid(self) -> int:
        """Its process id; raises ``HarnessError`` before the start."""
        return self._started().pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs and before the start."""
        return None if self._process is None else self._process.poll()

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it has said so far: the last 64 KiB."""
        size = os.fstat(self._log.fileno()).st_size
        tail = os.pread(self._log.fileno(), LOG_TAIL_BYTES, max(0, size - LOG_TAIL_BYTES))
        return tail.decode(errors="replace")

    def start(self) -> Self:
        """Start it. Raises ``ToolUnavailable`` where there is no such program."""
        # In a thread: a signal's KeyboardInterrupt strikes the main thread alone, so it cannot
        # come between the child's birth and its being noted.
        refused: list[FileNotFoundError] = []
        birth = threading.Thread(target=self._spawn, args=(refused,), name="program-start")
        birth.start()
        birth.join()
        if refused:
            name = self.argv[0]
            raise ToolUnavailable(
                f"{name} is not installed.",
                remedy=f"`apt-get install {_PACKAGES.get(name, name)}`, or `make e2e` as root.",
            ) from refused[0]
        self._started()
        return self

    def signal(self, number: int) -> None:
        """Send it a signal; harmless when it has ended."""
        self._started().send_signal(number)

    def kill(self) -> None:
        """Let it die as in a power cut: SIGKILL, at once."""
        process = self._started()
        process.kill()
        process.wait(KILL_TIMEOUT_S)

    def ask_to_end(self) -> None:
        """Let it begin to end, without waiting for that; harmless when it has ended."""
        self._asked = True
        self.signal(signal.SIGTERM)

    def end(self) -> None:
        """End it in order: terminate, after the grace kill. Harmless when it has ended.

        One that was asked to end already is not asked again: twice means at once to many.
        """
        if self._process is not None:
            _end(self._process, self._grace_s, asked=self._asked)

    def __enter__(self) -> Self:
        return self if self._process is not None else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def _spawn(self, refused: list[FileNotFoundError]) -> None:
        try:
            process = subprocess.Popen(
                self.argv,
                cwd=self._folder,
                env={**(os.environ if self._environment is None else self._environment), **mark()},
                stdin=subprocess.DEVNULL,
                stdout=self._log if self._output is None else self._output,
                stderr=self._log,
                # A Ctrl-C at the terminal reaches the suite alone, which ends this in order.
                start_new_session=True,
            )
        except FileNotFoundError as error:
            refused.append(error)
            return
        self._process, self._started_at = process, time.time()
        weakref.finalize(self, _end, process, self._grace_s)
        _running.add(self)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise HarnessError(f"{self.argv[0]} was not started.")
        return self._process


class WithProgram:
    """Something that has its program run while its context lasts."""

    _program: Program

    def __enter__(self) -> Self:
        self._program.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._program.end()


def end_all() -> None:
    """End every program that still runs: for those whose starter was interrupted."""
    for program in list(_running):
        program.end()


def _log_to(path: Path | None) -> IO[bytes]:
    if path is None:
        return tempfile.TemporaryFile(prefix="program-")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w+b")


def _end(process: subprocess.Popen[bytes], grace_s: float, *, asked: bool = False) -> None:
    for number, timeout_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, KILL_TIMEOUT_S)):
        if process.poll() is not None:
            return
        if number == signal.SIGKILL or not asked:
            process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=timeout_s)
