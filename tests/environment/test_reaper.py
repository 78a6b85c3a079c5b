from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError, DockerException
from requests.exceptions import ConnectionError as RequestsConnectionError

from environment.errors import WaitTimeout
from environment.stack import reaper, strays
from environment.stack.ownership import Owner, start_time
from environment.stack.reaper import LENT_LABEL, reap, remove_all, remove_kept, sweep
from tests.environment.engine_in_memory import EngineInMemory

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def me() -> Owner:
    return Owner.current("this-run")


@pytest.fixture
def dead(me: Owner) -> Owner:
    """A process that ended, and was waited for."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = start_time(process.pid) or ""
    process.communicate(b"\n")
    return replace(me, run="dead-run", pid=process.pid, start=start)


def populate(engine: EngineInMemory, owner: Owner) -> None:
    network = f"net-{owner.run}"
    engine.networks.create(network, labels=owner.labels())
    engine.volumes.create(f"vol-{owner.run}", labels=owner.labels())
    for part in ("a", "b"):
        engine.containers.create(
            "sts-service", name=f"{part}-{owner.run}", labels=owner.labels(), network=network
        ).start()


def test_labels_tell_the_owner(me: Owner) -> None:
    assert Owner.from_labels(me.labels()) == me
    assert Owner.from_labels(replace(me, kept=True).labels()) == replace(me, kept=True)


@pytest.mark.parametrize("labels", [None, {}, {"e2e.run": "x"}, {"e2e.run": "x", "e2e.pid": "?"}])
def test_labels_of_others_tell_nothing(labels: dict[str, str] | None) -> None:
    assert Owner.from_labels(labels) is None


def test_this_process_lives(me: Owner) -> None:
    assert me.fate() == "alive"


def test_a_process_that_ended_is_gone(dead: Owner) -> None:
    assert dead.fate() == "gone"


def test_a_zombie_is_gone(me: Owner) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        zombie = replace(me, pid=process.pid, start=start_time(process.pid) or "")
        assert zombie.fate() == "alive"
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert zombie.fate() == "gone"


def test_a_process_id_that_was_given_again_is_gone(me: Owner) -> None:
    assert replace(me, start="1").fate() == "gone"


def test_other_boots_namespaces_and_kept_stacks_are_told_apart(me: Owner) -> None:
    assert replace(me, boot="another").fate() == "rebooted"
    assert replace(me, namespace="pid:[1]").fate() == "unknown"
    assert replace(me, start="1", kept=True).fate() == "kept"


def test_reap_removes_all_of_one_owner_and_nothing_else(me: Owner, dead: Owner) -> None:
    engine: Any = EngineInMemory()
    populate(engine, me)
    populate(engine, dead)
    removed = reap(engine, dead)
    assert removed == ["a-dead-run", "b-dead-run", "net-dead-run", "vol-dead-run"]
    assert engine.names == ["a-this-run", "b-this-run"]
    assert list(engine.volumes_by_name) == ["vol-this-run"]
    assert reap(engine, dead) == []


def test_reap_disconnects_strangers_from_its_network(me: Owner) -> None:
    engine: Any = EngineInMemory()
    populate(engine, me)
    stranger = engine.containers.create("sts-service", name="stranger", network="net-this-run")
    stranger.start()
    reap(engine, me)
    assert engine.names == ["stranger"]
    assert not engine.networks_by_id


def test_reap_waits_for_a_removal_under_way(me: Owner) -> None:
    engine: Any = EngineInMemory()
    populate(engine, me)
    engine.api.busy_removals = 2
    reap(engine, me)
    assert engine.is_empty


def test_sweep_takes_the_dead_and_leaves_the_living(me: Owner, dead: Owner) -> None:
    engine: Any = EngineInMemory()
    spared = [
        me,
        replace(me, run="kept", start="1", kept=True),
        replace(me, run="x", namespace="y"),
    ]
    for owner in (*spared, dead):
        populate(engine, owner)
    assert sweep(engine) == ["a-dead-run", "b-dead-run", "net-dead-run", "vol-dead-run"]
    assert {c.labels["e2e.run"] for c in engine.containers_by_id.values()} == {
        "this-run",
        "kept",
        "x",
    }


def test_sweep_takes_what_a_reboot_stopped_but_not_another_machine_s(me: Owner) -> None:
    engine: Any = EngineInMemory()
    rebooted, elsewhere = replace(me, run="old", boot="1"), replace(me, run="far", boot="2")
    populate(engine, rebooted)
    populate(engine, elsewhere)
    for container in engine.containers_by_id.values():
        if container.name.endswith("old"):
            container.stop()
    sweep(engine)
    assert engine.names == ["a-far", "b-far"]


def test_sweep_takes_a_lone_network(dead: Owner) -> None:
    engine: Any = EngineInMemory()
    engine.networks.create("lone", labels=dead.labels())
    assert sweep(engine) == ["lone"]


def test_sweep_takes_a_network_that_a_dead_run_lent_and_leaves_the_others(dead: Owner) -> None:
    engine: Any = EngineInMemory()
    mark = f"{dead.namespace}/{dead.pid}/{dead.start}"
    engine.networks.create("lent-by-the-dead", labels={LENT_LABEL: mark})
    engine.networks.create("lent-by-us", labels={LENT_LABEL: strays.mark()[strays.MARK]})
    engine.networks.create("of-a-stranger")
    assert sweep(engine) == ["lent-by-the-dead"]
    assert len(engine.networks_by_id) == 2


def test_everything_goes_when_asked_whoever_owns_it(me: Owner, dead: Owner) -> None:
    engine: Any = EngineInMemory()
    engine.containers.create("sts-service", name="stranger")
    for owner in (me, dead, replace(me, run="far", boot="2"), replace(me, run="x", namespace="y")):
        populate(engine, owner)
    assert len(remove_all(engine)) == 16
    assert engine.names == ["stranger"]


def test_what_cannot_be_removed_keeps_nothing_else_from_it(me: Owner) -> None:
    engine: Any = EngineInMemory()
    populate(engine, me)
    engine.api.irremovable = {"a-this-run"}
    with pytest.raises(APIError, match="device or resource busy"):
        reap(engine, me)
    assert engine.names == ["a-this-run"]
    assert not engine.networks_by_id
    assert not engine.volumes_by_name


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kept": True, "run": "up"}, "`make down` to remove"),
        ({"kept": True}, "`E2E_RUN_ID=this-run make down` to remove"),
        ({}, "wait for its end"),
        ({"namespace": "y"}, "python -m environment down --all"),
        ({"boot": "2"}, "python -m environment down --all"),
    ],
)
def test_the_remedy_is_one_that_works(me: Owner, change: dict[str, Any], told: str) -> None:
    assert told in replace(me, **change).remedy()


def test_what_is_kept_goes_when_asked(me: Owner) -> None:
    engine: Any = EngineInMemory()
    populate(engine, replace(me, run="up", kept=True))
    populate(engine, replace(me, run="other", kept=True))
    populate(engine, me)
    assert remove_kept(engine, "up") == ["a-up", "b-up", "net-up", "vol-up"]
    assert sorted(engine.names) == ["a-other", "a-this-run", "b-other", "b-this-run"]


# A suite without an engine: it notes what its guard does, and a fake watchdog notes the pipe's end.
SUITE = """
import subprocess, sys, time
from pathlib import Path
import environment.stack.reaper as reaper

notes = Path(sys.argv[1])
def note(text):
    with notes.open("a") as file:
        file.write(text + "\\n")

reaper.reap = lambda client, owner: note("reaped") or []
real = subprocess.Popen
WATCHDOG = '''
import sys
from pathlib import Path
said = sys.stdin.buffer.read()
with Path(sys.argv[1]).open("a") as file:
    file.write("released\\\\n" if said == b"done" else "watchdog reaps\\\\n")
'''
def popen(argv, **options):
    assert argv[1:3] == ["-m", "environment.stack.reaper"], argv
    return real([sys.executable, "-c", WATCHDOG, str(notes)], **options)
reaper.subprocess.Popen = popen
guard = reaper.Guard(None, reaper.Owner.current("r"))
guard.arm()
def armed():
    print("armed", flush=True)
"""


def run_suite(body: str, notes: Path, number: signal.Signals | None) -> int:
    """Run a made-up suite, signal it once it is armed; its exit code."""
    source = SUITE + textwrap.dedent(body)
    with subprocess.Popen(
        [sys.executable, "-c", source, str(notes)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"armed\n"
        if number is not None:
            process.send_signal(number)
        return process.wait(timeout=20)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_in_clean_up_and_its_exit_code(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    notes = tmp_path / "notes"
    body = """
    try:
        armed()
        time.sleep(15)
    except KeyboardInterrupt:
        note("interrupted")
        raise SystemExit(1)  # as behave does
    """
    assert run_suite(body, notes, number) == code
    assert notes.read_text().split("\n") == ["interrupted", "reaped", "released", ""]


def test_an_echo_of_the_signal_does_not_disturb_the_clean_up(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    body = """
    import os, signal
    try:
        armed()
        time.sleep(15)
    except KeyboardInterrupt:
        os.kill(os.getpid(), signal.SIGTERM)
        note("still here")
    """
    assert run_suite(body, notes, signal.SIGTERM) == 143
    assert notes.read_text().splitlines() == ["still here", "reaped", "released"]


def test_an_ordinary_end_cleans_up_and_keeps_its_exit_code(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    assert run_suite("armed(); sys.exit(3)", notes, None) == 3
    assert notes.read_text().splitlines() == ["reaped", "released"]


def test_a_disarmed_guard_is_done(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    assert run_suite("armed(); guard.disarm(); guard.disarm(); note('end')", notes, None) == 0
    assert notes.read_text().splitlines() == ["reaped", "released", "end"]


def test_the_watchdog_takes_over_when_the_clean_up_fails(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    body = """
    from requests.exceptions import ConnectionError
    def fails(client, owner):
        raise ConnectionError("engine away")
    reaper.reap = fails
    armed()
    """
    run_suite(body, notes, None)
    wait_for_notes(notes, ["watchdog reaps"])


def test_the_watchdog_takes_over_after_sigkill(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    assert run_suite("armed(); time.sleep(15)", notes, signal.SIGKILL) == -signal.SIGKILL
    wait_for_notes(notes, ["watchdog reaps"])


def test_the_watchdog_waits_for_an_engine_that_went_away(
    dead: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine: Any = EngineInMemory()
    engine.close = lambda: None
    populate(engine, dead)
    silences = [DockerException("no such socket"), RequestsConnectionError("refused")]

    def from_env() -> Any:
        if silences:
            raise silences.pop()
        return engine

    monkeypatch.setattr("docker.from_env", from_env)
    monkeypatch.setattr(reaper, "_ECHO_S", 0.2)
    reaper._clear(dead, timeout_s=10)
    assert engine.is_empty
    assert not silences


def test_the_watchdog_does_not_wait_for_ever(dead: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    def from_env() -> Any:
        raise DockerException("no such socket")

    monkeypatch.setattr("docker.from_env", from_env)
    with pytest.raises(WaitTimeout, match="no such socket"):
        reaper._clear(dead, timeout_s=0.6)


def wait_for_notes(notes: Path, lines: list[str]) -> None:
    from environment.waiting import wait_for  # noqa: PLC0415

    wait_for(
        f"{lines} in the notes",
        lambda: notes.exists() and notes.read_text().splitlines() == lines,
        timeout_s=10,
    )
