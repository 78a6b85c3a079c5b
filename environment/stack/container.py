"""One container of the system under test as its users see it: health, HTTP, log and files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final

import requests

from environment.errors import NotHealthy
from environment.stack.container_io import ExecResult, read_archive, read_file, run_inside
from environment.stack.health import check_ok, is_ok
from environment.stack.health_check import check_passes
from environment.stack.lifecycle import ENDED, Lifecycle
from environment.stack.metrics import Metrics, read_metrics, total
from environment.stack.ports import engine_host
from environment.waiting import wait_for

_LOG_TAIL_LINES: Final = 20


class ServiceContainer(Lifecycle):
    """A container that serves HTTP and says there how it is (FR-014)."""

    health_path: ClassVar[str] = "/health"

    @property
    def health_timeout_s(self) -> float:
        """The seconds, before E2E_TIMEOUT_MULTIPLIER, in which it is healthy."""
        return 30.0

    def wait_healthy(
        self, timeout_s: float | None = None, *, cancelled: threading.Event | None = None
    ) -> float:
        """Wait until its health endpoint answers 200 over the published port (FR-014, FR-021).

        Args:
            timeout_s: the bound before E2E_TIMEOUT_MULTIPLIER; by default the service's own.
            cancelled: set by whoever loses interest; ends the wait with `NotHealthy`.

        Returns:
            The seconds it took.

        Raises:
            NotHealthy: the container died meanwhile; with its status and last log lines.
            WaitTimeout: with its status and last log lines.
        """
        begun = time.monotonic()
        self._wait_ok(self.health_path, "healthy", timeout_s, cancelled)
        took_s = time.monotonic() - begun
        self._on_event("container_healthy", container=self.name, took_s=round(took_s, 2))
        return took_s

    def wait_check_passed(self, timeout_s: float | None = None) -> None:
        """Wait until the engine's own health check of it passes, as `docker ps` shows it.

        Bounds and errors as those of `wait_healthy`.
        """
        self._wait(f"{self.name}'s own health check to pass", self.check_passes, timeout_s)

    def check_passes(self) -> bool:
        """Whether the engine's health check of it passes; raises `NotYet` with what it said."""
        return check_passes(self.name, self._state())

    def is_answering(self, path: str | None = None) -> bool:
        """Whether its health endpoint, or another, answers 200 right now."""
        return is_ok(self.url(path or self.health_path))

    def logs(self, since: float | None = None) -> str:
        """Its stdout and stderr, whole or from a Unix time on (seconds)."""
        with self._asked_to("show its log"):
            # The engine's client takes no 0 for a time.
            return self._existing().logs(since=since or None).decode(errors="replace")

    def exec(self, *argv: str, timeout_s: float = 10) -> ExecResult:
        """Run a command inside, with its user and environment.

        Raises:
            ContainerFailed: the container does not run.
            WaitTimeout: the command did not end; it is left running in there.
        """
        return run_inside(self._client, self._existing(), argv, timeout_s=timeout_s)

    def read_file(self, path: str) -> bytes:
        """Content of a file inside, of a stopped container too; raises `FileNotFoundError`."""
        return read_file(self._existing(), path)

    def read_archive(self, path: str) -> bytes:
        """A file or folder inside as a tar archive; raises `FileNotFoundError`."""
        return read_archive(self._existing(), path)

    def host_port(self, container_port: int) -> int:
        """The host port that leads to `container_port`; raises `KeyError` when none does."""
        return self.spec.ports[container_port]

    def url(self, path: str = "") -> str:
        """Its HTTP API as seen from the host, such as `http://127.0.0.1:8080/health`."""
        return f"http://{engine_host(self._client)}:{self.host_port(self.spec.http_port)}{path}"

    def get(self, path: str, *, timeout_s: float = 5) -> Any:
        """GET a JSON document from its HTTP API; raises `requests.RequestException`."""
        response = requests.get(self.url(path), timeout=timeout_s)
        response.raise_for_status()
        return response.json()

    def metrics(self) -> Metrics:
        """Every sample of its Prometheus metrics, by name and labels."""
        return read_metrics(self.url("/metrics"))

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name whose labels include `labels`; 0 when none has them.

        Raises `MetricMissing` where no sample has that name.
        """
        return total(self.metrics(), name, labels)

    def evidence(self) -> str:
        """Its status and the end of its log, for an error's reader."""
        state = self._state()
        if state["Status"] == "absent":
            return f"{self.name} is absent."
        words = [f"{self.name} is {state['Status']}"]
        words += [f"exit code {state['ExitCode']}"] if state["Status"] in ENDED else []
        words += ["out of memory"] if state.get("OOMKilled") else []
        words += [str(state["Error"])] if state.get("Error") else []
        tail = self._existing().logs(tail=_LOG_TAIL_LINES).decode(errors="replace").rstrip()
        return f"{', '.join(words)}; its log ends:\n{tail or '(nothing logged)'}"

    def _wait_ok(
        self,
        path: str,
        state: str,
        timeout_s: float | None,
        cancelled: threading.Event | None = None,
    ) -> None:
        what = f"{self.name} to be {state}"
        self._wait(what, lambda: check_ok(self.url(path)), timeout_s, cancelled)

    def _wait(
        self,
        what: str,
        probe: Callable[[], bool],
        timeout_s: float | None,
        cancelled: threading.Event | None = None,
    ) -> None:
        def alive() -> None:
            if cancelled is not None and cancelled.is_set():
                raise NotHealthy(f"Stopped waiting for {self.name}.")
            if self.status != "running":
                raise NotHealthy(f"Waited for {self.name}, but {self.evidence()}")

        wait_for(
            what,
            probe,
            timeout_s=self._settings.timeout(timeout_s or self.health_timeout_s),
            alive=alive,
            evidence=self.evidence,
        )
