"""Stages run side by side, in order of need, and stop together."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.training.lanes import StageError, run_side_by_side
from fixtures.training.stages import Plan, Progress, Stage

PATIENCE_S = 10.0


@dataclass(frozen=True)
class Named:
    """A stage with a name and needs, whose work the test brings itself."""

    name: str
    needs: tuple[str, ...] = ()

    def fingerprint(self, plan: Plan) -> str:
        return self.name

    def run(self, plan: Plan, progress: Progress) -> None:
        raise NotImplementedError


def until_there(file: Path) -> None:
    ends_s = time.monotonic() + PATIENCE_S
    while not file.exists():
        assert time.monotonic() < ends_s, f"{file.name} never came"
        time.sleep(0.01)


def test_two_run_at_once(tmp_path: Path) -> None:
    def meet(stage: Stage) -> None:
        (tmp_path / stage.name).touch()
        until_there(tmp_path / {"left": "right", "right": "left"}[stage.name])

    run_side_by_side([Named("left"), Named("right")], meet)


def test_a_stage_waits_for_what_it_needs(tmp_path: Path) -> None:
    def note(stage: Stage) -> None:
        for need in stage.needs:
            assert (tmp_path / need).exists()
        (tmp_path / stage.name).touch()

    stages = [Named("bread", ("dough", "bought")), Named("dough", ("flour",)), Named("flour")]
    (tmp_path / "bought").touch()
    run_side_by_side(stages, note)

    assert (tmp_path / "bread").exists()


def test_no_more_run_than_there_are_lanes(tmp_path: Path) -> None:
    def alone(stage: Stage) -> None:
        (tmp_path / "busy").mkdir()
        (tmp_path / "busy").rmdir()

    run_side_by_side([Named(str(index)) for index in range(6)], alone, lanes=1)


def test_a_failure_names_the_stage_and_stops_the_others(tmp_path: Path) -> None:
    def work(stage: Stage) -> None:
        if stage.name == "bad":
            until_there(tmp_path / "begun")
            raise StageError("the oven is cold")
        (tmp_path / "begun").touch()
        try:
            until_there(tmp_path / "never")
        except KeyboardInterrupt:
            (tmp_path / "stopped").touch()
            raise

    with pytest.raises(StageError, match="stage bad"):
        run_side_by_side([Named("bad"), Named("good")], work)

    assert (tmp_path / "stopped").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_reaches_every_stage(tmp_path: Path, number: int) -> None:
    def work(stage: Stage) -> None:
        if stage.name == "caller":
            until_there(tmp_path / "begun")
            os.kill(os.getppid(), number)
        else:
            (tmp_path / "begun").touch()
        try:
            until_there(tmp_path / "never")
        except KeyboardInterrupt:
            (tmp_path / f"{stage.name}-stopped").touch()
            raise

    with pytest.raises(KeyboardInterrupt):
        run_side_by_side([Named("caller"), Named("other")], work)

    assert (tmp_path / "caller-stopped").exists()
    assert (tmp_path / "other-stopped").exists()
