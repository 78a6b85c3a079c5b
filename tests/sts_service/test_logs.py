"""Who reads the log may be slow, or stand still: nobody waits for that."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import sts_service
from sts_service import logs
from sts_service.logs import configure_logging, written_aside
from tests.log_pipe import Pipe

LINES = 4000
"""More than a pipe holds."""
ROOT = Path(sts_service.__file__).parents[1]
STUCK = f"""
import logging
from sts_service.logs import configure_logging, written_aside
configure_logging("INFO")
with written_aside():
    for number in range({LINES}):
        logging.info("line %d of many, and the pipe is full before", number)
"""


def lines(pipe: Pipe, count: int) -> list[str]:
    """So many lines of this test's own: a library may say something between them."""
    read = pipe.read(lambda read: read.count(b'"line ') >= count)
    events = [str(json.loads(line)["event"]) for line in read.splitlines()]
    return [event for event in events if event.startswith("line ")]


@contextmanager
def logged_to_a_pipe() -> Iterator[Pipe]:
    with Pipe() as pipe:
        configure_logging("INFO")
        yield pipe


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_a_reader_that_stands_still_holds_nobody_up() -> None:
    with logged_to_a_pipe() as pipe, written_aside():
        for number in range(LINES):
            logging.info("line %d", number)
        assert lines(pipe, LINES) == [f"line {number}" for number in range(LINES)]


def test_lines_that_find_no_room_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_LINES_WAITING", 3)
    said: list[int] = []
    monkeypatch.setattr(logs._log, "warning", lambda _, lines: said.append(lines), raising=False)
    with logged_to_a_pipe() as pipe, written_aside():
        for number in range(LINES):
            logging.info("line %d", number)
        lines(pipe, 1)
        deadline = time.monotonic() + 10
        while sum(said) <= LINES // 4 and time.monotonic() < deadline:
            time.sleep(0.001)
            logging.info("once more")
    assert sum(said) > LINES // 4


def test_the_end_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FLUSH_S", 0.05)
    with logged_to_a_pipe() as pipe:
        (before,) = logging.getLogger().handlers
        began_at = time.monotonic()
        with written_aside():
            for number in range(LINES):
                logging.info("line %d", number)
        assert time.monotonic() - began_at < 5
        assert logging.getLogger().handlers == [before]
        lines(pipe, LINES)


def test_a_process_ends_though_nobody_reads_what_it_says() -> None:
    command = [sys.executable, "-c", STUCK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            assert process.wait(30) == 0
        finally:
            process.kill()


def test_a_reader_that_is_gone_is_no_error() -> None:
    with logged_to_a_pipe() as pipe, written_aside():
        pipe.hang_up()
        logging.info("nobody there")
        logging.info("nor now")


def test_a_line_that_cannot_be_rendered_costs_no_other(capfd: pytest.CaptureFixture[str]) -> None:
    with logged_to_a_pipe() as pipe, written_aside():
        logging.info("%d apples", "no")
        logging.info("line behind it")
        assert lines(pipe, 1) == ["line behind it"]
    assert "--- Logging error ---" in capfd.readouterr().err


def test_an_error_within_is_not_swallowed() -> None:
    with logged_to_a_pipe(), pytest.raises(ValueError, match="within"), written_aside():
        raise ValueError("within")
