"""Several runs at once: what each comes to is its own, and is made once for the session."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from environment.errors import HarnessError
from environment.runs import side_by_side
from environment.runs.observations import Observation
from environment.runs.pipeline import Attempt, CalledOff
from environment.runs.run import PipelineFailed, PipelineRun
from environment.runs.side_by_side import expect_run, run_side_by_side
from environment.session import Session
from environment.settings import Settings
from environment.shared import SharedFailure
from environment.waiting import wait_for
from services.contracts import ObservedEvent
from tests.environment.fake_system import FakeStack, bring_up

Record = Callable[[Attempt], PipelineRun]


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    described = SimpleNamespace(duration_s=7.0)
    monkeypatch.setattr(side_by_side, "read_sidecar", lambda _clip: described)
    return [tmp_path / f"{name}.mp4" for name in ("one", "two", "three")]


@pytest.fixture
def stacks() -> list[FakeStack]:
    return []


@pytest.fixture
def session(tmp_path: Path, stacks: list[FakeStack]) -> Iterator[Session]:
    session = Session(Settings(), root=tmp_path / "artifacts", bring_up=bring_up(stacks))
    yield session
    session.close()


def observed(stream: str) -> Observation:
    payload = {"stream_id": stream, "audio": {"data_base64": "AAAA"}}
    event = ObservedEvent.model_validate(
        {
            "sender": "media",
            "event": "fragment:data",
            "connection": "c1",
            "stream_id": stream,
            "timestamp": 1,
            "payload": payload,
        }
    )
    return Observation(1.0, event)


def a_run(attempt: Attempt) -> PipelineRun:
    fields: dict[str, Any] = dict.fromkeys(PipelineRun.__dataclass_fields__)
    fields |= {"stream_id": attempt.stream, "clip": attempt.clip, "folder": attempt.folder}
    fields |= {"events": (observed(attempt.stream),)}
    return PipelineRun(**fields)


def recording(monkeypatch: pytest.MonkeyPatch, record: Record) -> list[Attempt]:
    """Have attempts record in that way; returns those that were made."""
    attempts: list[Attempt] = []

    def noted(attempt: Attempt) -> PipelineRun:
        attempts.append(attempt)
        try:
            return record(attempt)
        finally:
            attempt.under_way.set()

    monkeypatch.setattr(Attempt, "record", noted)
    return attempts


def test_a_failure_is_the_clips_own(
    session: Session, stacks: list[FakeStack], clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def record(attempt: Attempt) -> PipelineRun:
        if attempt.clip == clips[1]:
            raise PipelineFailed("no audio", folder=attempt.folder, report={"state": "failed"})
        return a_run(attempt)

    attempts = recording(monkeypatch, record)
    one, two, three = run_side_by_side(session, clips)

    assert (expect_run(one).clip, expect_run(three).clip) == (clips[0], clips[2])
    with pytest.raises(PipelineFailed, match="no audio") as failed:
        expect_run(two)
    assert failed.value.report == {"state": "failed"}
    assert stacks[0].media_service.waited_idle == 1
    assert [attempt.timeout_s for attempt in attempts] == [187.0] * 3
    assert not any(attempt.probe_live for attempt in attempts)
    assert len({attempt.stream for attempt in attempts}) == 3


def test_they_go_on_together_each_begun_once_the_one_before_is_taken_up(
    session: Session, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(len(clips), timeout=5)
    begun: list[Path] = []

    def record(attempt: Attempt) -> PipelineRun:
        begun.append(attempt.clip)
        attempt.under_way.set()
        together.wait()
        return a_run(attempt)

    recording(monkeypatch, record)
    run_side_by_side(session, clips)
    assert begun == clips


def test_the_events_of_a_run_are_let_go_and_without_sound(
    session: Session, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    recording(monkeypatch, a_run)
    observer = session.observer()
    for stream in ("one-1", "other"):
        observer._seen.take(observed(stream).event.wire(), 1.0)

    (run,) = run_side_by_side(session, clips[:1])
    assert expect_run(run).events[0].payload["audio"]["data_base64"]["bytes"] == 3
    assert [seen.event.stream_id for seen in observer.events()] == ["other"]
    assert observer.dropped == 0


def test_what_nobody_waits_for_is_called_off(
    session: Session, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    def record(attempt: Attempt) -> PipelineRun:
        attempt.under_way.set()
        if attempt.clip == clips[0]:
            raise KeyboardInterrupt
        wait_for("the call", attempt._called_off.is_set, timeout_s=5)
        ended.append(attempt.clip.stem)
        raise CalledOff("called off")

    recording(monkeypatch, record)
    with pytest.raises(KeyboardInterrupt):
        run_side_by_side(session, clips)
    assert sorted(ended) == ["three", "two"]


def test_more_than_four_at_once_are_refused(session: Session, clips: list[Path]) -> None:
    with pytest.raises(ValueError, match="4 are the most"):
        run_side_by_side(session, clips * 2)


def test_a_group_is_made_by_the_first_who_asks(
    session: Session, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "clip", lambda _session, name: clips[0].with_name(name))
    attempts = recording(monkeypatch, a_run)
    scenario = session.begin("the first")

    run = expect_run(session.clip_run("b-frames.mp4"))
    names = {"b-frames", "mono-44100", "late-audio", "7s"}
    assert {attempt.clip.stem for attempt in attempts} == names
    assert session.clip_run("7s.mp4") is session.clip_run("7s.mp4")
    assert len(attempts) == 4
    assert run.clip.name == "b-frames.mp4"
    assert scenario.pipeline_folder == expect_run(session.clip_run("7s")).folder
    with pytest.raises(KeyError, match="no recipe is called"):
        session.clip_run("30s-english-counting.mp4")


def test_what_keeps_a_group_from_being_tried_is_told_once(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_session: Session, _name: str) -> Path:
        raise HarnessError("there is no room")

    monkeypatch.setattr(Session, "clip", broken)
    session.begin("the first")
    with pytest.raises(HarnessError, match="there is no room"):
        session.clip_run("7s.mp4")
    with pytest.raises(SharedFailure, match="already failed in the scenario “the first”"):
        session.clip_run("b-frames.mp4")


def test_an_attempt_that_is_called_off_ends_at_its_next_look(
    session: Session, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    called_off = threading.Event()
    attempt = Attempt(session, clips[0], "alone-1", called_off=called_off)
    idle = SimpleNamespace(check=lambda: None)
    called_off.set()
    began_at = time.monotonic()
    service = SimpleNamespace(streams=list, status="running")
    cast("Any", attempt.stack).media_service = service

    with pytest.raises(CalledOff, match=r"one\.mp4 was called off"):
        attempt._until_gone(cast("Any", idle), cast("Any", None), 5.0)
    assert time.monotonic() - began_at < 2


def test_a_clip_is_taken_from_where_it_lies(session: Session) -> None:
    assert session.clip("30s-english-counting.mp4").parent.name == "streams"
    assert session.clip("7s.mp4").parent.name.startswith("7s-")
    with pytest.raises(FileNotFoundError, match=r"8s\.mp4"):
        session.clip("8s.mp4")
