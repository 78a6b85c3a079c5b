"""The run's folder: its log, its link, and evidence without the audio's bulk."""

import base64
import hashlib
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from environment.evidence.artifacts import (
    RunArtifacts,
    gather,
    iso_time,
    remove_old_runs,
    save_container_logs,
    slug,
    without_audio,
    write_events,
    write_json,
)
from environment.runs.observations import Observation
from environment.stack.topology import Topology
from services.contracts import ObservedEvent


@pytest.fixture
def artifacts(tmp_path: Path) -> RunArtifacts:
    return RunArtifacts(tmp_path / "artifacts", "run-1")


def test_key_events_are_lines_with_their_time(artifacts: RunArtifacts) -> None:
    artifacts.log("container_started", container="sts-service", note="a b", absent=None)
    artifacts.log.note(1_700_000_000.25, "segment_sent", {"number": 0})
    first, second = artifacts.log.path.read_text().splitlines()
    assert first.endswith('Z container_started container=sts-service note="a b"')
    assert second == "2023-11-14T22:13:20.250Z segment_sent number=0"


def test_a_closed_log_takes_no_more_and_does_not_mind(artifacts: RunArtifacts) -> None:
    artifacts.log.close()
    artifacts.log("too_late")
    assert artifacts.log.path.read_text() == ""


def test_latest_leads_to_the_newest_run(artifacts: RunArtifacts) -> None:
    RunArtifacts(artifacts.root, "run-2")
    assert (artifacts.root / "latest").resolve().name == "run-2"
    artifacts.point_latest()
    assert (artifacts.root / "latest").resolve().name == "run-1"


def test_scenarios_of_one_name_get_their_own_folders(artifacts: RunArtifacts) -> None:
    folders = [artifacts.scenario_folder("Given a Thing!") for _ in range(3)]
    assert [folder.name for folder in folders] == [
        "given-a-thing",
        "given-a-thing-2",
        "given-a-thing-3",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Ping < 5 ms", "ping-5-ms"), ("¿Qué?", "que"), ("→", "scenario"), ("x" * 99, "x" * 48)],
)
def test_slugs(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_of_audio_the_length_and_hash_are_kept(tmp_path: Path) -> None:
    pcm = b"\x01\x02" * 50
    payload = {"audio": {"data_base64": base64.b64encode(pcm).decode(), "channels": 1}}
    event = ObservedEvent(
        sender="media", event="fragment:data", connection="c", timestamp=1500, payload=payload
    )
    path = write_events(tmp_path / "deep/events.jsonl", [Observation(2.0, event, "bad")])
    line = json.loads(path.read_text())
    assert line["payload"]["audio"] == {
        "data_base64": {"bytes": 100, "sha256": hashlib.sha256(pcm).hexdigest()},
        "channels": 1,
    }
    assert (line["at"], line["violation"]) == ("1970-01-01T00:00:01.500Z", "bad")


def test_what_is_not_base64_is_said() -> None:
    assert without_audio([{"data_base64": "!!"}, 1]) == [
        {"data_base64": {"characters": 2, "not_base64": True}},
        1,
    ]


class Container:
    image = "image"

    def __init__(self, name: str, *, gone: bool = False) -> None:
        self.name = name
        self.gone = gone

    def logs(self, since: float | None = None) -> str:
        if self.gone:
            raise RuntimeError("no such container")
        return f"{self.name} since {since}"

    def inspect(self) -> dict[str, Any]:
        return {"State": {"Status": "running"}}


def test_every_containers_log_is_saved_though_one_is_gone(tmp_path: Path) -> None:
    containers = {"a": Container("a", gone=True), "b": Container("b")}
    stack = cast("Topology", SimpleNamespace(containers=containers))
    missing = save_container_logs(stack, tmp_path, since=7.0)
    assert missing == ["log of a: RuntimeError: no such container"]
    assert (tmp_path / "b.log").read_text() == "b since 7.0"
    assert list(json.loads((tmp_path / "containers.json").read_text())) == ["b"]


def test_gathering_tells_instead_of_raising() -> None:
    assert gather("nothing", lambda: None) == []
    assert gather("sum", lambda: 1 / 0) == ["sum: ZeroDivisionError: division by zero"]


def test_json_is_written_whole(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", {"path": tmp_path, "ñ": 1})
    assert json.loads(path.read_text())["ñ"] == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_times_are_utc() -> None:
    assert iso_time(0.0) == "1970-01-01T00:00:00.000Z"


def test_a_run_that_may_be_at_work_is_left_alone(tmp_path: Path) -> None:
    for name in ("20260101-000000-001", "20260101-000000-002", "20260102-000000-000"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.log").touch()
    long_ago = time.time() - 2 * 3600
    os.utime(tmp_path / "20260101-000000-001" / "run.log", (long_ago, long_ago))
    assert [folder.name for folder in remove_old_runs(tmp_path, keep=1)] == ["20260101-000000-001"]


def test_only_the_newest_runs_are_kept(tmp_path: Path) -> None:
    for name in ("20260101-000000-001", "20260101-000000-002-mine", "20260102-000000-000"):
        (tmp_path / name / "deep").mkdir(parents=True)
    (tmp_path / "results").mkdir()
    (tmp_path / "latest").symlink_to("20260101-000000-001")
    removed = remove_old_runs(tmp_path, keep=2)
    assert [folder.name for folder in removed] == ["20260101-000000-001"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "20260101-000000-002-mine",
        "20260102-000000-000",
        "results",
        "latest",
    }
