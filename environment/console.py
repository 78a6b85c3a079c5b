"""What the harness is busy with, said on the terminal: a spinner there, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import Progress as Spinners
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

_LINE_WIDTH = 100


class Step:
    """One piece of work in hand; made by `Progress.step`."""

    def __init__(self, progress: Progress, title: str, task: TaskID | None) -> None:
        self._progress = progress
        self._task = task
        self.title = title

    def note(self, text: str) -> None:
        """Say a milestone: replaces the spinner's text, and is a line where there is no spinner."""
        if self._task is None:
            self._progress.line(f"       {self.title}: {_shortened(text, _LINE_WIDTH)}")
        else:
            self.detail(text)

    def detail(self, text: str) -> None:
        """Say what passes quickly, such as a tool's own output: shown on the spinner only."""
        if self._task is not None:
            self._progress.describe(self._task, f"{self.title}: {text}")


class Progress:
    """Says what is being done, to whoever waits for it; steps may run in several threads.

    Writes to the process's own stderr: behave captures `sys.stdout` and `sys.stderr` while a
    step runs, and the first start of the stack happens inside one.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        target = stream or sys.__stderr__ or sys.stderr
        self._console = Console(file=target, highlight=False, markup=False, soft_wrap=True)
        self._lock = threading.RLock()
        self._spinners: Spinners | None = None
        self._open_steps = 0

    def line(self, text: str) -> None:
        """Print one line that stays."""
        with self._lock:
            self._console.print(text)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Announce `title`, and at the end whether it came off and how long it took."""
        started = time.monotonic()
        task = self._begin(title)
        outcome = "failed"
        try:
            yield Step(self, title, task)
            outcome = "done"
        finally:
            self._end(task)
            self.line(f"{outcome:<6} {title} ({time.monotonic() - started:.1f} s)")

    def describe(self, task: TaskID, text: str) -> None:
        """Change what the spinner of a step says, cut to one line."""
        with self._lock:
            if self._spinners is not None:
                width = max(20, self._console.width - 16)
                self._spinners.update(task, description=_shortened(text, width))

    def _begin(self, title: str) -> TaskID | None:
        with self._lock:
            self._open_steps += 1
            if not self._console.is_terminal:
                self._console.print(f"...    {title}")
                return None
            if self._spinners is None:
                self._spinners = Spinners(
                    SpinnerColumn(),
                    TextColumn("{task.description}", markup=False),
                    TimeElapsedColumn(),
                    console=self._console,
                    transient=True,
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._spinners.start()
            return self._spinners.add_task(title, total=None)

    def _end(self, task: TaskID | None) -> None:
        with self._lock:
            self._open_steps -= 1
            if self._spinners is None or task is None:
                return
            self._spinners.remove_task(task)
            if self._open_steps == 0:
                self._spinners.stop()
                self._spinners = None


def _shortened(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
