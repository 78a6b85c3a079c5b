"""What the tests of a nested run published: read off its log, and seen in the process table."""

from pathlib import Path
from typing import Any

import pytest

from environment.evidence.artifacts import RunLog
from environment.evidence.log_lines import LogLine, read_log
from environment.runs import nested_tests
from environment.runs.nested_tests import (
    ContainerLife,
    ContainerWatch,
    PublishedByTest,
    PublisherWatch,
    published_by_tests,
)
from environment.runs.process_table import Process


def test_a_run_s_log_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "run.log")
    log.note(1_700_000_000.25, "scenario_started", {"scenario": 'it "says": a = b', "n": 3})
    log.note(1_700_000_001.5, "nothing_more", {})
    log.close()
    (tmp_path / "run.log").open("a").write("2026-01-01T00:00:00.000Z half_a_li")
    assert read_log(tmp_path / "run.log") == [
        LogLine(1_700_000_000.25, "scenario_started", {"scenario": 'it "says": a = b', "n": "3"}),
        LogLine(1_700_000_001.5, "nothing_more", {}),
    ]
    assert read_log(tmp_path / "absent") == []


def line(at: float, event: str, **fields: str) -> LogLine:
    return LogLine(at, event, fields)


def test_publications_are_put_together_in_order() -> None:
    log = [
        line(1, "scenario_started", scenario="a"),
        line(2, "publish_started", path="live/a/in", pid="7"),
        line(3, "publish_active", path="live/a/in"),
        line(4, "publish_ended", path="live/a/in"),
        line(5, "scenario_started", scenario="b"),
        line(6, "publish_started", path="live/b/in", pid="8"),
    ]
    assert published_by_tests(log) == (
        PublishedByTest("a", "live/a/in", 7, 2, 3, 4),
        PublishedByTest("b", "live/b/in", 8, 6, None, None),
    )


def test_the_watch_keeps_every_ffmpeg_it_ever_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (Process(pid, 1, ("ffmpeg", f"rtmp://h/{pid}")) for pid in (7, 8))
    looks = iter([[first], [], [first, second], []])
    monkeypatch.setattr(nested_tests, "publishers", lambda _parent: next(looks))
    watch = PublisherWatch(1)
    for _ in range(4):
        watch.look()
    assert watch.urls == {7: "rtmp://h/7", 8: "rtmp://h/8"}
    assert watch.most_at_once == 2


def test_a_container_made_anew_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(key: str, state: str = "running") -> list[dict[str, Any]]:
        return [{"Id": key, "Names": ["/sts"], "State": state}]

    looks = iter([listed("a", "created"), listed("a"), listed("a"), listed("b")])
    times = iter([10.0, 11.0, 11.1, 12.0, 13.0])
    monkeypatch.setattr(nested_tests, "time", type("Clock", (), {"time": lambda: next(times)}))
    watch = ContainerWatch(lambda: next(looks))
    for _ in range(5):  # the third is too soon, and asks nobody
        watch.look()
    assert watch.lives == {
        "a": ContainerLife("/sts", 11.0, 12.0),
        "b": ContainerLife("/sts", 13.0, 13.0),
    }
