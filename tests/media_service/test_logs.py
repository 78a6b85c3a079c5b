"""Log lines: JSON all of them, and without secrets."""

import io
import json
import logging
import sys
import time
from collections.abc import Iterator

import pytest
import structlog

from media_service import logs
from media_service.logs import configure_logging, written_aside
from media_service.redaction import redacted
from tests.log_pipe import Pipe


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging("INFO")
    yield written
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def test_every_line_is_json_without_secrets(output: io.StringIO) -> None:
    hidden = "hidden"

    def fail() -> None:
        raise OSError(f"cannot open rtmp://user:{hidden}@server/live?pass={hidden}&x=1")

    try:
        fail()
    except OSError as error:
        structlog.get_logger().error("failed", exc_info=error, urls=["http://a:hidden@b/"])
        logging.getLogger("library").exception("bad %s", "thing")
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [
        ("error", "failed"),
        ("error", "bad thing"),
    ]
    assert hidden not in json.dumps(lines)
    assert "frames" in json.dumps(lines[0])
    assert lines[1]["logger"] == "library"


def test_urls_keep_all_but_their_secrets() -> None:
    assert redacted("rtmp://u:p@h:1935/a/b") == "rtmp://h:1935/a/b"
    assert redacted("rtsp://h/a?user=u&pass=p&x=1: refused") == (
        "rtsp://h/a?user=***&pass=***&x=1: refused"
    )
    assert redacted("mail a@b, http://h/x@y") == "mail a@b, http://h/x@y"


@pytest.mark.parametrize(
    "user_info",
    ["user:pa/ss", "user:p@ss", "user:p@/s?s#:", "user:/", ":ss", "p@ss", "user:12/34", "user:a:b"],
)
def test_no_part_of_a_password_stays(user_info: str) -> None:
    assert redacted(f"open rtmp://{user_info}@host:1935/live/a/in: refused") == (
        "open rtmp://host:1935/live/a/in: refused"
    )
    assert redacted(f"['http://{user_info}@host/', 'http://h:80/x', 'http://a:b@c']") == (
        "['http://host/', 'http://h:80/x', 'http://c']"
    )


def test_urls_one_behind_the_other_are_told_apart() -> None:
    assert redacted("rtmp://u:p@a/x,rtmp://u:p@b/y") == "rtmp://a/x,rtmp://b/y"


LINE = "x" * 99 + "\n"
LINES = 2000
"""More than a pipe holds."""


def all_lines(read: bytes) -> bool:
    return len(read) >= LINES * len(LINE)


def test_a_reader_that_stands_still_holds_nobody_up() -> None:
    with Pipe() as pipe, written_aside() as log:
        for _ in range(LINES):
            log.write(LINE)
        assert pipe.read(all_lines) == LINE.encode() * LINES


def test_lines_that_find_no_room_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_LINES_WAITING", 3)
    said: list[int] = []
    monkeypatch.setattr(logs._log, "warning", lambda _, lines: said.append(lines), raising=False)
    with Pipe() as pipe, written_aside() as log:
        for _ in range(LINES):
            log.write(LINE)
        pipe.read(bool)
        deadline = time.monotonic() + 10
        while sum(said) <= LINES // 4 and time.monotonic() < deadline:
            time.sleep(0.001)
            log.write(LINE)
    assert sum(said) > LINES // 4


def test_the_end_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FLUSH_S", 0.05)
    with Pipe() as pipe:
        began_at = time.monotonic()
        with written_aside() as log:
            for _ in range(LINES):
                log.write(LINE)
        assert time.monotonic() - began_at < 5
        pipe.read(all_lines)


def test_a_reader_that_is_gone_is_no_error() -> None:
    with Pipe() as pipe, written_aside() as log:
        pipe.hang_up()
        log.write(LINE)
        log.write(LINE)
