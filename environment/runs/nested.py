"""Another run of the suite beside this one, to see how it ends and what it leaves."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import docker

from environment.evidence.artifacts import LATEST, RUN_LOG
from environment.evidence.log_lines import LogLine, read_log
from environment.runs.program import Program, WithProgram
from environment.settings import DEFAULT_NETWORK_NAME, REPO_ROOT
from environment.stack.ownership import RUN_LABEL
from environment.stack.ports import holder_of
from environment.waiting import NotYet, wait_for

FEATURES: Final = REPO_ROOT / "fixtures" / "nested"
# Time for an orderly end: the suite's own clean-up.
_GRACE_S: Final = 30.0
_PROCESSES: Final = Path("/proc")


class NestedRun(WithProgram):
    """One ``behave`` process with a run id, names and ports of its own; a context manager.

    ``feature`` is a file of ``fixtures/nested``; ``tag`` picks its scenarios. Output goes to
    ``log``, evidence into the folder of that name without its suffix. ``variables`` are settings
    of its own. ``ended_at`` (Unix seconds) is when ``wait_ended`` saw its end. Leaving the context
    ends the process, whatever it is doing.
    """

    def __init__(
        self, feature: str, tag: str, log: Path, *, variables: Mapping[str, str] | None = None
    ) -> None:
        self.run_id = nested_run_id(tag)
        self.log_file = log
        self.ended_at = 0.0
        self.evidence = log.with_suffix("") / LATEST
        self._ports: set[int] = set()
        self._program = Program(
            [sys.executable, "-m", "behave", str(FEATURES / feature), f"--tags=@{tag}"],
            log_file=log,
            environment={
                **nested_environment(self.run_id, log.with_suffix("")),
                **(variables or {}),
            },
            folder=REPO_ROOT,
            grace_s=_GRACE_S,
        )

    @property
    def output(self) -> str:
        """What the run has printed so far: the last 64 KiB."""
        return self._program.log

    @property
    def pid(self) -> int:
        """Its process id; raises ``HarnessError`` before the start."""
        return self._program.pid

    @property
    def started_at(self) -> float:
        """When its process was started, in Unix seconds."""
        return self._program.started_at

    @property
    def summary(self) -> dict[str, Any]:
        """Its summary.json; empty as long as there is none."""
        path = self.evidence / "summary.json"
        document: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
        return document

    @property
    def results(self) -> list[dict[str, Any]]:
        """Of its summary what became of the scenarios that it was to run."""
        results: list[dict[str, Any]] = self.summary.get("results", [])
        return [result for result in results if result["outcome"] != "not_selected"]

    @property
    def events(self) -> list[LogLine]:
        """What its run.log says so far."""
        return read_log(self.evidence / RUN_LOG)

    def signal(self, number: int) -> None:
        """Send the behave process a signal."""
        self._program.signal(number)

    def kill_all(self) -> None:
        """Let it die as in a power cut, and its watchdog with it; what they started is left."""
        for pid, words in find_processes(self.run_id):
            if "environment.stack.reaper" in words:
                os.kill(pid, signal.SIGKILL)
        self._program.kill()

    def wait_container(self, *, timeout_s: float) -> list[str]:
        """Wait until its first container is on the engine, running or not; return all there is."""

        def probe() -> list[str]:
            made = self.objects()
            if not any(name.startswith("container ") for name in made):
                raise NotYet(str(made))
            return made

        return wait_for(
            f"a container of the run {self.run_id}", probe, timeout_s=timeout_s, interval_s=0.2
        )

    def wait_stack(self, count: int, *, timeout_s: float) -> list[str]:
        """Wait for that many running containers, and its word that they are ready; return them."""
        return wait_for(
            f"{count} containers of the run {self.run_id}",
            lambda: self._made(count),
            timeout_s=timeout_s,
            interval_s=0.2,
            evidence=lambda: self.output[-3000:],
        )

    def wait_ended(self, *, timeout_s: float, meanwhile: Callable[[], None] = lambda: None) -> int:
        """Wait for the end of the process; return its exit status.

        ``meanwhile`` is called some twenty times a second until then.
        """

        def probe() -> bool:
            meanwhile()
            return self._program.exit_code is not None

        wait_for(
            f"the run {self.run_id} to end",
            probe,
            timeout_s=timeout_s,
            interval_s=0.05,
            evidence=lambda: self.output[-3000:],
        )
        self.ended_at = time.time()
        return self._program.exit_code or 0

    def containers(self) -> list[dict[str, Any]]:
        """Its containers, running or not, as the engine's API lists them."""
        with closing(docker.from_env()) as client:
            api: Any = client.api
            return [
                each
                for each in api.containers(all=True)
                if belongs_to(self.run_id, _name(each), each["Labels"])
            ]

    def objects(self) -> list[str]:
        """Name everything of the run that there is now, on the engine and on this host.

        On the engine: containers, networks and volumes, by name or by label. On the host:
        processes, such as its watchdog and its ffmpeg, and of the ports that its containers had
        when this was asked before those that somebody else than a container holds.
        """
        with closing(docker.from_env()) as client:
            api: Any = client.api
            containers = api.containers(all=True)
            found = [(f"container {_name(c)} {c['State']}", c["Labels"]) for c in containers]
            found += [(f"network {n['Name']}", n["Labels"]) for n in api.networks()]
            found += [(f"volume {v['Name']}", v["Labels"]) for v in api.volumes()["Volumes"] or []]
            ours = [name for name, labels in found if belongs_to(self.run_id, name, labels)]
            published = published_ports(self.run_id, containers)
            self._ports |= published
            holders = {port: holder_of(client, port) for port in sorted(self._ports - published)}
        held = [
            f"port {port}, held by {holder}"
            for port, holder in holders.items()
            if holder is not None and not holder.startswith("the container ")
        ]
        return sorted([*ours, *processes_of(self.run_id), *held])

    def wait_gone(self, *, timeout_s: float) -> None:
        """Wait until nothing of the run is there any more. ``WaitTimeout``: what is."""

        def probe() -> bool:
            left = self.objects()
            if left:
                raise NotYet(", ".join(left))
            return True

        wait_for(f"nothing to be left of {self.run_id}", probe, timeout_s=timeout_s)

    def _made(self, containers: int) -> list[str]:
        made = self.objects()
        if self._program.exit_code is not None:
            raise RuntimeError(f"the nested run ended early: {self.output[-3000:]}")
        if sum(name.endswith(" running") for name in made) < containers:
            raise NotYet(str(made))
        if not any(line.event == "stack_started" for line in self.events):
            raise NotYet("its containers are running, and not all of them ready")
        return made


def nested_environment(run_id: str, artifacts: Path) -> dict[str, str]:
    """Return this process's variables, with a nested run's own in their place.

    All of them are set, not left out: what is left out would be read from `.env`.
    """
    return {
        **os.environ,
        "E2E_RUN_ID": run_id,
        "E2E_NETWORK_NAME": f"{DEFAULT_NETWORK_NAME}-{run_id}",
        "E2E_DYNAMIC_PORTS": "1",
        "E2E_ARTIFACTS": str(artifacts),
    }


def nested_run_id(tag: str) -> str:
    """The run id of the nested run of that tag: there is one at a time."""
    return f"nested-{os.getpid()}-{tag}"


def published_ports(run_id: str, containers: Sequence[Mapping[str, Any]]) -> set[int]:
    """The host ports of that run's containers, of an engine's list of containers."""
    return {
        port["PublicPort"]
        for container in containers
        if belongs_to(run_id, _name(container), container["Labels"])
        for port in container["Ports"]
        if "PublicPort" in port
    }


def belongs_to(run_id: str, name: str, labels: Mapping[str, str] | None) -> bool:
    """Whether something on the engine is that run's: by its owner's label, or else by its name."""
    # The label holds the run's full id, which has the time before it.
    return run_id in (labels or {}).get(RUN_LABEL, name)


def processes_of(run_id: str, folder: Path = _PROCESSES) -> list[str]:
    """Name the host's processes that have that run's id in their environment."""
    return [f"process {pid} {words[:160]}" for pid, words in find_processes(run_id, folder)]


def find_processes(run_id: str, folder: Path = _PROCESSES) -> list[tuple[int, str]]:
    """The same by process id and command line.

    Only where there is a ``/proc``; elsewhere none is found.
    """
    sought = f"E2E_RUN_ID={run_id}".encode()
    found = []
    for process in folder.glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:  # it has ended, or is somebody else's
            continue
        if sought in variables:
            found.append((int(process.name), words.decode(errors="replace").strip()))
    return found


def _name(container: Mapping[str, Any]) -> str:
    return str((container["Names"] or ["unnamed"])[0]).lstrip("/")
