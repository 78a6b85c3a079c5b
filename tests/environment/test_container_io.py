from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import NotFound

from environment.errors import ContainerFailed, WaitTimeout
from environment.stack.container_io import put_file, read_file, run_inside
from tests.environment.engine_in_memory import refusal

CONTAINER: Any = SimpleNamespace(id="c1", name="sts-service")


def client(**calls: Any) -> Any:
    return SimpleNamespace(api=SimpleNamespace(exec_create=lambda *_: {"Id": "e1"}, **calls))


def test_a_command_s_output_and_exit_code_come_back() -> None:
    engine = client(
        exec_start=lambda _id, stream: iter([b"one ", b"two\xff\n"]),
        exec_inspect=lambda _id: {"ExitCode": 3},
    )
    result = run_inside(engine, CONTAINER, ("ping", "mediamtx"), timeout_s=5)
    assert (result.exit_code, result.output) == (3, "one two\ufffd\n")


def test_a_command_that_does_not_end_is_given_up() -> None:
    released = threading.Event()

    def endless(_id: str, stream: bool) -> Iterator[bytes]:
        yield b"PING"
        released.wait(10)

    with pytest.raises(WaitTimeout, match=r"`ping x` inside sts-service to end"):
        run_inside(client(exec_start=endless), CONTAINER, ("ping", "x"), timeout_s=0.05)
    released.set()


def test_a_container_that_does_not_run_says_so() -> None:
    def refuses(_id: str, stream: bool) -> Iterator[bytes]:
        raise refusal("Container c1 is not running", 409)

    with pytest.raises(ContainerFailed, match="sts-service cannot be asked to run ping"):
        run_inside(client(exec_start=refuses), CONTAINER, ("ping",), timeout_s=5)


def test_a_file_that_was_put_can_be_read() -> None:
    archives: dict[str, bytes] = {}
    container: Any = SimpleNamespace(name="c", put_archive=archives.__setitem__)
    put_file(container, "/etc/server.yml", b"api: true\n")
    with tarfile.open(fileobj=io.BytesIO(archives["/etc"])) as archive:
        assert archive.getmembers()[0].mode == 0o644
    container.get_archive = lambda _path: (iter([archives["/etc"]]), {})
    assert read_file(container, "/etc/server.yml") == b"api: true\n"


def test_a_file_that_is_not_there_is_an_ordinary_error() -> None:
    def missing(_path: str) -> None:
        raise NotFound("no such path")

    container: Any = SimpleNamespace(name="c", get_archive=missing)
    with pytest.raises(FileNotFoundError, match="c:/etc/none"):
        read_file(container, "/etc/none")
