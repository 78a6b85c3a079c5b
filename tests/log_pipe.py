"""A pipe in the place of standard output, whose reader a test is."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Self


class Pipe:
    """Standard output for a while; what it takes is read in the end, if not before."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()

    def __enter__(self) -> Self:
        # pytest puts its own there between a fixture and its test.
        self._stdout, sys.stdout = sys.stdout, os.fdopen(self._writer, "w")
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout, output = self._stdout, sys.stdout
        output.close()
        for thread in threading.enumerate():
            if thread.name == "log":
                thread.join(10)
        os.close(self._reader)

    def hang_up(self) -> None:
        """Let nobody read any more."""
        os.close(self._reader)
        self._reader = os.open(os.devnull, os.O_RDONLY)

    def read(self, enough: Callable[[bytes], bool]) -> bytes:
        """Read until it is enough, or over."""
        read = b""
        while not enough(read) and (piece := os.read(self._reader, 1 << 16)):
            read += piece
        return read
