"""Another run of the suite beside this one, to see how it ends and what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import docker

from environment.settings import REPO_ROOT
from environment.waiting import NotYet, wait_for

FEATURES: Final = REPO_ROOT / "fixtures" / "nested"
_OWN_SETTINGS: Final = ("E2E_NETWORK_NAME", "E2E_RUN_ID", "E2E_DYNAMIC_PORTS")


class NestedRun:
    """One ``behave`` process with a run id, names and ports of its own; a context manager.

    ``feature`` is a file of ``fixtures/nested``; ``tag`` picks its scenario. Output goes to
    ``log``. Leaving the context ends the process, whatever it is doing.
    """

    def __init__(self, feature: str, tag: str, log: Path) -> None:
        self.run_id = f"nested-{os.getpid()}-{tag}"
        self._argv = [sys.executable, "-m", "behave", str(FEATURES / feature), f"--tags=@{tag}"]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        inherited = {name: v for name, v in os.environ.items() if name not in _OWN_SETTINGS}
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._argv,
                cwd=REPO_ROOT,
                env=inherited | {"E2E_RUN_ID": self.run_id, "E2E_DYNAMIC_PORTS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)

    @property
    def output(self) -> str:
        """All that the run has printed so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def signal(self, number: int) -> None:
        """Send the behave process a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def wait_containers(self, count: int, *, timeout_s: float) -> list[str]:
        """Wait until that many containers of the run are running; return what it has made."""
        return wait_for(
            f"{count} containers of the run {self.run_id}",
            lambda: self._made(count),
            timeout_s=timeout_s,
            interval_s=0.2,
            evidence=lambda: self.output[-3000:],
        )

    def wait_ended(self, *, timeout_s: float) -> int:
        """Wait for the end of the process; return its exit status."""
        process = self._process
        if process is None:
            raise RuntimeError("the nested run was not started")
        wait_for(
            f"the run {self.run_id} to end",
            lambda: process.poll() is not None,
            timeout_s=timeout_s,
            evidence=lambda: self.output[-3000:],
        )
        return process.returncode

    def objects(self) -> list[str]:
        """Name every container, network and volume of the run that is on the engine now."""
        with closing(docker.from_env()) as client:
            named = [f"container {c.name} {c.status}" for c in client.containers.list(all=True)]
            named += [f"network {n.name}" for n in client.networks.list()]
            named += [f"volume {v.name}" for v in client.volumes.list()]
        return sorted(name for name in named if self.run_id in name)

    def wait_gone(self, *, timeout_s: float) -> None:
        """Wait until nothing of the run is on the engine any more. ``WaitTimeout``: what is."""

        def probe() -> bool:
            left = self.objects()
            if left:
                raise NotYet(", ".join(left))
            return True

        wait_for(f"nothing to be left of {self.run_id}", probe, timeout_s=timeout_s)

    def _made(self, containers: int) -> list[str]:
        made = self.objects()
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"the nested run ended early: {self.output[-3000:]}")
        if sum(name.endswith(" running") for name in made) < containers:
            raise NotYet(str(made))
        return made
