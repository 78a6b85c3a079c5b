"""Starting dockerd by hand, and what is done about the one that cannot read its networks."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from environment.console import Progress
from environment.errors import EngineUnavailable
from environment.provision import dockerd, engine

_PANIC = """\
time="2026-01-01T00:00:00Z" level=info msg="Loading containers: start."
panic: runtime error: index out of range [0] with length 0

goroutine 1 [running]:
github.com/docker/libnetwork.(*controller).reservePools(0x55fd156eee70?)
\tcontroller.go:956 +0xb65
"""


def _ended(log: Path, said: str) -> dockerd.Dockerd:
    before = log.stat().st_size if log.exists() else 0
    with log.open("a") as handle:
        handle.write(said)
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(2)"])
    process.wait(timeout=10)
    return dockerd.Dockerd(process, log, before)


def test_a_panic_over_networks_is_told_from_the_log_of_this_start(tmp_path: Path) -> None:
    log = tmp_path / "dockerd.log"
    assert _ended(log, _PANIC).ended_over_its_networks()
    assert not _ended(log, "failed to start daemon: no iptables\n").ended_over_its_networks()


def test_a_panic_is_named_by_its_first_line(tmp_path: Path) -> None:
    complaint = _ended(tmp_path / "dockerd.log", _PANIC).complaint()
    assert complaint == "panic: runtime error: index out of range [0] with length 0"


def test_without_a_panic_the_last_line_is_the_complaint(tmp_path: Path) -> None:
    log = tmp_path / "dockerd.log"
    assert _ended(log, "starting\nno iptables\n\n").complaint() == "no iptables"
    assert _ended(log, "").complaint() == "it left no log"


def test_networks_put_aside_are_kept_each_time(tmp_path: Path) -> None:
    networks = tmp_path / "local-kv.db"
    for said in ("first", "second"):
        networks.write_text(said)
        aside = dockerd.set_networks_aside(networks)
        assert aside is not None
        assert aside.read_text() == said
        assert not networks.exists()
    assert dockerd.set_networks_aside(networks) is None


def test_the_engine_is_started_anew_without_its_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = StringIO()
    client: Any = object()
    machine = Machine(tmp_path, monkeypatch, ends=[_PANIC], answers=client)
    with Progress(said).step("start") as step:
        assert engine._start(step, Progress(said)) is client
    assert machine.put_aside == 1
    assert "starts anew without them" in said.getvalue()
    assert "local-kv.db.unreadable-1" in said.getvalue()


def test_a_second_panic_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, monkeypatch, ends=[_PANIC, "no iptables\n"])
    with Progress().step("start") as step, pytest.raises(EngineUnavailable, match="no iptables"):
        engine._start(step, Progress())
    assert machine.put_aside == 1


def test_where_the_list_lies_elsewhere_the_remedy_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Machine(tmp_path, monkeypatch, ends=[_PANIC], networks=None)
    with Progress().step("start") as step, pytest.raises(EngineUnavailable, match="data-root"):
        engine._start(step, Progress())


def test_another_end_is_said_and_nothing_is_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path, monkeypatch, ends=["no iptables\n"])
    with Progress().step("start") as step, pytest.raises(EngineUnavailable, match="no iptables"):
        engine._start(step, Progress())
    assert machine.put_aside == 0


def test_a_pid_file_counts_only_for_the_process_it_means(tmp_path: Path) -> None:
    pid_file = tmp_path / "docker.pid"
    assert not dockerd._alive(pid_file, "dockerd")
    pid_file.write_text(f"{os.getpid()}\n")
    assert not dockerd._alive(pid_file, "dockerd")  # a number taken over by another program
    assert dockerd._alive(pid_file, Path("/proc/self/comm").read_text().strip())


def test_the_zombie_of_a_daemon_does_not_count_as_alive(tmp_path: Path) -> None:
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    pid_file = tmp_path / "docker.pid"
    pid_file.write_text(str(zombie.pid))
    assert not dockerd._alive(pid_file, "true")
    zombie.wait()


def test_the_mtu_is_one_a_bridge_can_have() -> None:
    assert 576 <= dockerd._uplink_mtu() <= 65536


class Machine:
    """One whose dockerd ends as told at each start, and answers when it has no end left."""

    def __init__(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        *,
        ends: list[str],
        answers: object = None,
        networks: str | None = "local-kv.db.unreadable-1",
    ) -> None:
        self.put_aside = 0
        self._networks = networks
        log = tmp_path / "log"
        monkeypatch.setattr(engine, "_is_managed", lambda: False)
        monkeypatch.setattr(engine, "_answering", lambda _: None if ends else self._up(answers))
        monkeypatch.setattr(dockerd, "start", lambda: self._next(log, ends))
        monkeypatch.setattr(dockerd, "set_networks_aside", self._set_aside)
        self._started = 0

    def _next(self, log: Path, ends: list[str]) -> dockerd.Dockerd | None:
        self._started += 1
        return _ended(log, ends.pop(0)) if ends else None

    def _up(self, client: object) -> object:
        return client if self._started > 1 else None

    def _set_aside(self) -> Path | None:
        self.put_aside += 1
        return Path(self._networks) if self._networks else None
