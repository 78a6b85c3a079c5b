"""A gate in front of the Docker engine: what is behind it loses the engine when it is shut."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from environment.errors import HarnessError
from environment.provision.engine import DEFAULT_SOCKET
from environment.stack.ownership import start_time

_FOLDER: Final = "engine-gate-"
_MOST_CONNECTIONS: Final = 64
_PIECE_BYTES: Final = 64 * 1024
_END_TIMEOUT_S: Final = 2.0


class EngineGate:
    """A socket of its own that leads to the engine's; a context manager, open to begin with.

    Programs with ``DOCKER_HOST=<host>`` use the engine through it. Shut, it refuses whoever knocks
    and cuts off whoever is talking, as an engine does that is killed; the engine itself, and all
    others that use it, notice nothing.
    """

    def __init__(self, engine: Path | None = None) -> None:
        self._engine = engine or engine_socket()
        self._folder = Path()
        self._listening: socket.socket | None = None
        self._through: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_MOST_CONNECTIONS)

    @property
    def host(self) -> str:
        """What to set DOCKER_HOST to."""
        return f"unix://{self._path}"

    def __enter__(self) -> Self:
        # Not below the evidence: the paths of sockets must be short.
        _remove_deserted()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-"))
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shut()
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self) -> None:
        """Let callers through, as if the engine had come back."""
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(self._path))
        listening.listen(_MOST_CONNECTIONS)
        self._listening = listening
        threading.Thread(target=self._admit, args=(listening,), daemon=True).start()

    def shut(self) -> None:
        """Let nobody through any more, and cut off whoever is; harmless when it is shut."""
        listening, self._listening = self._listening, None
        if listening is not None:
            self._path.unlink(missing_ok=True)
            _cut(listening)
        with self._lock:
            for each in self._through:
                _cut(each)

    @property
    def _path(self) -> Path:
        return self._folder / "docker.sock"

    def _admit(self, listening: socket.socket) -> None:
        with listening:
            while self._listening is listening:
                try:
                    caller, _ = listening.accept()
                except OSError:  # it was shut
                    return
                if not self._places.acquire(timeout=_END_TIMEOUT_S):
                    caller.close()
                    continue
                threading.Thread(target=self._pass, args=(caller,), daemon=True).start()

    def _pass(self, caller: socket.socket) -> None:
        engine = socket.socket(socket.AF_UNIX)
        ends = {caller, engine}
        with caller, engine:
            try:
                engine.connect(str(self._engine))
                with self._lock:
                    self._through |= ends
                if self._listening is not None:
                    back = threading.Thread(target=_pump, args=(engine, caller), daemon=True)
                    back.start()
                    _pump(caller, engine)
                    back.join()
            except OSError:  # the engine itself is not there: the caller sees the same
                return
            finally:
                with self._lock:
                    self._through -= ends
                self._places.release()


def engine_socket() -> Path:
    """The socket of the engine that this process uses.

    Raises ``HarnessError`` where it is reached by other means.
    """
    host = os.environ.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}"
    if not host.startswith("unix://"):
        raise HarnessError(
            f"A gate needs an engine with a socket on this host, and DOCKER_HOST is {host}.",
            remedy="run this where the engine is.",
        )
    return Path(host.removeprefix("unix://"))


def _remove_deserted() -> None:
    """Remove the folders of gates whose process was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*-*"):
        keeper = folder.name.removeprefix(_FOLDER).partition("-")[0]
        if keeper.isdigit() and start_time(int(keeper)) is None:
            shutil.rmtree(folder, ignore_errors=True)


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Carry bytes until one side ends; the end is carried as well, each direction by itself."""
    with suppress(OSError):
        while piece := source.recv(_PIECE_BYTES):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _cut(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
