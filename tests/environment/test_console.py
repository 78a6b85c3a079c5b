from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest

from environment.console import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_off_a_terminal_a_step_is_three_plain_lines() -> None:
    told = io.StringIO()
    with Progress(told).step("build media-service") as step:
        step.note("Step 4/9 : RUN pip install")
        step.detail("what passes quickly is not worth a line")
    begun, noted, ended = told.getvalue().splitlines()
    assert begun == "...    build media-service"
    assert noted == "       build media-service: Step 4/9 : RUN pip install"
    assert ended.startswith("done   build media-service (")
    assert "\x1b" not in told.getvalue()


def test_a_step_that_fails_says_so_and_lets_the_error_through() -> None:
    told = io.StringIO()
    with pytest.raises(ValueError, match="no"), Progress(told).step("build"):
        raise ValueError("no")
    assert told.getvalue().splitlines()[-1].startswith("failed build (")


def test_on_a_terminal_side_by_side_steps_share_the_spinners(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    told = Terminal()
    progress = Progress(told)

    def work(number: int) -> None:
        with progress.step(f"image {number}") as step:
            step.detail("[not markup] 50%")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))
    assert all(f"image {number} (" in told.getvalue() for number in range(8))


def test_a_long_note_is_cut_to_one_line() -> None:
    told = io.StringIO()
    with Progress(told).step("build") as step:
        step.note("RUN apt-get update \\\n    && apt-get install " + "espeak-ng " * 50)
    assert len(told.getvalue().splitlines()) == 3
    assert "…" in told.getvalue()
