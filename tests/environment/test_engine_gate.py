"""The gate in front of an engine: open it leads there, shut it leads nowhere."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from environment.errors import HarnessError
from environment.runs.engine_gate import EngineGate, engine_socket


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path: a socket's has 107 characters at most."""
    with tempfile.TemporaryDirectory(prefix="gate-") as path:
        yield Path(path)


@pytest.fixture
def engine(folder: Path) -> Iterator[Path]:
    """An engine that says every line back, in capitals."""
    path = folder / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            while True:
                try:
                    caller, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(caller,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield path
        listening.shutdown(socket.SHUT_RDWR)


def answer(caller: socket.socket) -> None:
    with caller, caller.makefile("rwb", buffering=0) as lines:
        for line in lines:
            lines.write(line.upper())


def call(gate: EngineGate) -> socket.socket:
    caller = socket.socket(socket.AF_UNIX)
    caller.settimeout(5)
    caller.connect(gate.host.removeprefix("unix://"))
    return caller


def test_open_it_leads_to_the_engine(engine: Path) -> None:
    with EngineGate(engine) as gate, call(gate) as one, call(gate) as other:
        one.sendall(b"hello\n")
        other.sendall(b"you\n")
        assert (one.recv(10), other.recv(10)) == (b"HELLO\n", b"YOU\n")
        one.shutdown(socket.SHUT_WR)
        assert one.recv(10) == b""


def test_shut_it_cuts_off_and_refuses_and_open_it_leads_there_again(engine: Path) -> None:
    with EngineGate(engine) as gate, call(gate) as talking:
        talking.sendall(b"hello\n")
        talking.recv(10)
        gate.shut()
        assert talking.recv(10) == b""
        with pytest.raises(FileNotFoundError):
            call(gate)
        gate.shut()
        gate.open()
        with call(gate) as again:
            again.sendall(b"back\n")
            assert again.recv(10) == b"BACK\n"


def test_nothing_of_it_is_left(engine: Path) -> None:
    with EngineGate(engine) as gate:
        folder = Path(gate.host.removeprefix("unix://")).parent
        assert folder.is_dir()
    assert not folder.exists()


def test_what_a_killed_process_left_of_its_gate_goes_with_the_next(
    engine: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    deserted, kept = folder / f"engine-gate-{ended.pid}-x", folder / "engine-gate-1-x"
    deserted.mkdir()
    kept.mkdir()
    with EngineGate(engine):
        assert not deserted.exists()
        assert kept.exists()


def test_an_engine_that_is_not_there_is_not_there_behind_it_either(folder: Path) -> None:
    with EngineGate(folder / "no.sock") as gate, call(gate) as caller:
        assert caller.recv(10) == b""


def test_only_an_engine_with_a_socket_can_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/other.sock")
    assert engine_socket() == Path("/run/other.sock")
    monkeypatch.delenv("DOCKER_HOST")
    assert engine_socket() == Path("/var/run/docker.sock")
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    with pytest.raises(HarnessError, match="run this where the engine is"):
        engine_socket()
