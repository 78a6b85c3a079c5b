"""Sends a program a SIGINT once it is under way, as Ctrl-C at a terminal does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def interrupted(tmp_path: Path, text: str, *, under_way: Callable[[], bool]) -> tuple[int, str]:
    """Run ``text`` as a program of its own, interrupt it; its exit status, and what it printed."""
    starter = tmp_path / "starter.py"
    starter.write_text(text)
    process = subprocess.Popen(
        [sys.executable, str(starter)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 40
    while not under_way() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=30)
    return process.returncode, printed
