"""The process table: real processes, and tables of made entries."""

import os
import shutil
from pathlib import Path

import pytest

from environment.runs import process_table
from environment.runs.process_table import Process, has_ended, processes, publishers
from environment.runs.program import Program

URL = "rtmp://localhost:1935/live/a/in"


def entry(folder: Path, pid: int, stat: str, *words: str) -> None:
    made = folder / str(pid)
    made.mkdir()
    (made / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
    (made / "stat").write_text(stat)


def test_a_program_is_there_until_it_was_ended() -> None:
    with Program(["sleep", "30"]) as program:
        found = next(process for process in processes() if process.pid == program.pid)
        assert (found.parent, found.words) == (os.getpid(), ("sleep", "30"))
        assert not has_ended(program.pid)
    assert has_ended(program.pid)


def test_an_ended_process_that_nobody_noticed_counts_as_ended(tmp_path: Path) -> None:
    entry(tmp_path, 7, "7 (odd) name) S 1 7 7", "ffmpeg", "-i", "a.mp4", URL)
    entry(tmp_path, 8, "8 (ffmpeg) Z 1 8 8")
    (tmp_path / "9").mkdir()
    assert processes(tmp_path) == [Process(7, 1, ("ffmpeg", "-i", "a.mp4", URL))]


@pytest.mark.skipif(shutil.which("ps") is None, reason="ps is not installed")
def test_ps_says_the_same_where_there_is_no_proc(tmp_path: Path) -> None:
    with Program(["sleep", "31"]) as program:
        listed = processes(tmp_path / "absent")
    assert Process(program.pid, os.getpid(), ("sleep", "31")) in listed


@pytest.mark.parametrize(
    ("words", "url"),
    [
        (("/usr/bin/ffmpeg", "-i", "a.mp4", URL), URL),
        (("ffmpeg", "-i", URL, "-f", "flv", "played.flv"), None),
        (("grep", URL), None),
        ((), None),
    ],
)
def test_who_publishes_is_told_by_the_words(words: tuple[str, ...], url: str | None) -> None:
    assert Process(1, 0, words).publishes_to == url


def test_publishers_of_a_process_are_its_children_that_publish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, foreign = (Process(pid, parent, ("ffmpeg", URL)) for pid, parent in ((2, 1), (3, 9)))
    table = [ours, foreign, Process(4, 1, ("ffmpeg", "-i", URL, "a.flv"))]
    monkeypatch.setattr(process_table, "processes", lambda: table)
    assert publishers() == [ours, foreign]
    assert publishers(1) == [ours]
