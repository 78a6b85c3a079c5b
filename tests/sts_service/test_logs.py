"""Who reads the log may be slow, or stand still: nobody waits for that."""

import logging
import threading
from collections.abc import Iterator

import pytest

from sts_service import logs
from sts_service.logs import written_aside


class Stuck(logging.Handler):
    """Writes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert self.free.wait(10)
        self.written.append(record.getMessage())


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    handler = Stuck()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    yield handler
    handler.free.set()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_reader_that_stands_still_holds_nobody_up(stuck: Stuck) -> None:
    with written_aside():
        for number in range(100):
            logging.info("line %d", number)
        assert stuck.written == []
        stuck.free.set()
    assert stuck.written == [f"line {number}" for number in range(100)]


def test_lines_that_find_no_room_are_counted(stuck: Stuck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_LINES_WAITING", 3)
    said: list[int] = []
    monkeypatch.setattr(logs._log, "warning", lambda _, lines: said.append(lines), raising=False)
    with written_aside():
        for number in range(10):
            logging.info("line %d", number)
        stuck.free.set()
        while not said:
            logging.info("once more")
    assert len(stuck.written) + sum(said) >= 10
    assert said[0] >= 6


def test_the_end_does_not_wait_for_ever(stuck: Stuck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_FLUSH_S", 0.05)
    with written_aside():
        logging.info("never read")
    assert stuck.written == []
    assert stuck in logging.getLogger().handlers


def test_an_error_within_is_not_swallowed(stuck: Stuck) -> None:
    stuck.free.set()
    with pytest.raises(ValueError, match="within"), written_aside():
        raise ValueError("within")
