"""Taking away what a run made, however the run ended (FR-010, FR-020, FR-028)."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

import docker
from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from environment.errors import HarnessError
from environment.stack import strays
from environment.stack.engine_calls import engine_called
from environment.stack.ownership import RUN_LABEL, Owner
from environment.waiting import NotYet, wait_for

__all__ = [
    "LENT_LABEL",
    "Guard",
    "Owner",
    "reap",
    "remove_all",
    "remove_container",
    "remove_kept",
    "sweep",
]

_REPO_ROOT: Final = Path(__file__).resolve().parents[2]
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_REMOVAL_TIMEOUT_S: Final = 30.0
# An engine that went away with the run may take minutes to come back.
_WATCH_TIMEOUT_S: Final = 300.0
_ECHO_S: Final = 2.0
_RELEASE: Final = b"done"
LENT_LABEL: Final = "e2e.lent-by"
"""On a network that a run has made for another one, which is to take it for a stranger's: whose."""
# An engine that went away shows itself through the HTTP library.
_REMOVAL_ERRORS: Final = (DockerException, RequestException, HarnessError)


def sweep(client: docker.DockerClient) -> list[str]:
    """Remove what runs left behind whose process is gone; the names of what was removed.

    Objects of living runs, of `make up`, and of machines and namespaces that cannot be looked
    into are left alone. Processes that such a run has left on this host are ended, and networks
    that it lent to others are removed.
    """
    removed = strays.end(strays.of_the_dead()) + _remove_lent(client)
    for owner, states in _owners(client).items():
        fate = owner.fate()
        # No restart policy is ever set, so what runs under another boot id runs for another
        # machine that shares this engine: a reboot would have stopped it.
        if fate == "gone" or (fate == "rebooted" and "running" not in states):
            removed += reap(client, owner)
    return removed


def _remove_lent(client: docker.DockerClient) -> list[str]:
    api: Any = client.api
    lent = api.networks(filters={"label": LENT_LABEL})
    left = [each for each in lent if strays.is_of_the_dead(each["Labels"][LENT_LABEL])]
    for network in left:
        _remove_network(client, network["Id"])
    return [str(network["Name"]) for network in left]


def remove_kept(client: docker.DockerClient, run: str) -> list[str]:
    """Remove what `make up` left running under this run's id; the names of what was removed."""
    ours = [owner for owner in _owners(client) if owner.kept and owner.run == run]
    return [name for owner in ours for name in reap(client, owner)]


def reap(client: docker.DockerClient, owner: Owner) -> list[str]:
    """Remove everything that belongs to `owner`; the names of what was removed.

    What cannot be removed does not keep the rest from it.

    Raises:
        docker.errors.APIError: the engine refuses to remove something; the first such refusal.
        WaitTimeout: a removal did not come to its end.
    """
    return _remove_labelled(client, [f"{key}={value}" for key, value in owner.labels().items()])


def remove_all(client: docker.DockerClient) -> list[str]:
    """Remove everything of every run, living ones too; names and errors as those of `reap`."""
    return _remove_labelled(client, [RUN_LABEL])


def _remove_labelled(client: docker.DockerClient, labels: list[str]) -> list[str]:
    api: Any = client.api
    wanted = {"label": labels}
    removed: list[str] = []
    refusals: list[Exception] = []

    def take(name: str, remove: Callable[[], object]) -> None:
        try:
            remove()
        except NotFound:
            return
        except (APIError, HarnessError) as error:
            refusals.append(error)
        else:
            removed.append(name)

    for container in api.containers(all=True, filters=wanted):
        name = container["Names"][0].lstrip("/") if container["Names"] else "unnamed"
        take(name, partial(remove_container, client, container["Id"]))
    for network in api.networks(filters=wanted):
        take(network["Name"], partial(_remove_network, client, network["Id"]))
    for volume in api.volumes(filters=wanted)["Volumes"] or []:
        take(volume["Name"], partial(api.remove_volume, volume["Name"], force=True))
    if refusals:
        raise refusals[0]
    return removed


def remove_container(client: docker.DockerClient, container_id: str) -> None:
    """Remove a container in any state with its anonymous volumes, and see it gone.

    Raises:
        docker.errors.APIError: the engine refuses.
        WaitTimeout: somebody else's removal of it did not come to its end.
    """
    api: Any = client.api

    def gone() -> bool:
        try:
            api.remove_container(container_id, force=True, v=True)
        except NotFound:
            return True
        except APIError as error:
            if "already in progress" not in str(error):
                raise
            raise NotYet(str(error.explanation)) from error
        return True

    wait_for(f"container {container_id[:12]} to be gone", gone, timeout_s=_REMOVAL_TIMEOUT_S)


def _remove_network(client: docker.DockerClient, network_id: str) -> None:
    api: Any = client.api
    try:
        for member in (api.inspect_network(network_id)["Containers"] or {}).values():
            api.disconnect_container_from_network(member["Name"], network_id, force=True)
        api.remove_network(network_id)
    except NotFound:
        return


def _owners(client: docker.DockerClient) -> dict[Owner, set[str]]:
    """Every owner with objects on the engine, and the states its containers are in."""
    api: Any = client.api
    labelled = {"label": RUN_LABEL}
    owners: dict[Owner, set[str]] = defaultdict(set)
    for container in api.containers(all=True, filters=labelled):
        if owner := Owner.from_labels(container["Labels"]):
            owners[owner].add(container["State"])
    others = api.networks(filters=labelled) + (api.volumes(filters=labelled)["Volumes"] or [])
    for thing in others:
        if owner := Owner.from_labels(thing["Labels"]):
            owners.setdefault(owner, set())
    return dict(owners)


class Guard:
    """Sees to it that nothing of `owner` outlives this process, however it ends.

    Arm it in the main thread before the first container is made. SIGINT, SIGTERM and SIGHUP
    raise `KeyboardInterrupt` there, which behave takes as an abort; at the end of the process
    what is left is removed and the exit code becomes 128 + signal. A second signal, later than
    an echo of the first, leaves at once. A watchdog process, which holds the other end of a
    pipe, removes what is left after SIGKILL, and after leaving at once.
    """

    def __init__(self, client: docker.DockerClient, owner: Owner) -> None:
        self.owner = owner
        self._client = client
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._previous: dict[signal.Signals, Any] = {}
        self._signal: signal.Signals | None = None
        self._signalled_at = 0.0

    @property
    def signal_number(self) -> int | None:
        """The signal that interrupted the run, if one did."""
        return None if self._signal is None else int(self._signal)

    def arm(self) -> None:
        """Install the watchdog, the exit handler and the signal handlers; once."""
        if self._watchdog is not None:
            return
        # Its output goes nowhere: a reader of ours would otherwise wait for its end as well.
        self._watchdog = subprocess.Popen(
            [sys.executable, "-m", "environment.stack.reaper", *_to_argv(self.owner)],
            cwd=_REPO_ROOT,
            # It outlives whoever started this process, too.
            env=strays.unmarked(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        atexit.register(self._at_exit)
        for number in _SIGNALS:
            self._previous[number] = signal.signal(number, self._on_signal)

    def disarm(self) -> None:
        """Remove what is left, let the watchdog go, restore the signal handlers; once.

        Raises:
            docker.errors.APIError: the engine refuses; the watchdog goes on trying.
            EngineUnavailable: it does not answer; likewise.
        """
        if self._watchdog is None:
            return
        with engine_called(self._client):
            reap(self._client, self.owner)
        self._release_watchdog()
        atexit.unregister(self._at_exit)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._signal is None:
            self._signal, self._signalled_at = signal.Signals(number), now
            raise KeyboardInterrupt(f"interrupted by {self._signal.name}")
        if now - self._signalled_at > _ECHO_S:  # `timeout` and terminals send some twice
            os._exit(128 + self._signal)

    def _at_exit(self) -> None:
        strays.end(strays.of_owner(self.owner))
        try:
            reap(self._client, self.owner)
        except _REMOVAL_ERRORS as error:
            # stderr is all that is left to tell; closing the pipe sets the watchdog to work.
            print(f"clean-up failed, the watchdog takes over: {error}", file=sys.stderr)
        else:
            self._release_watchdog()
        if self._signal is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(128 + self._signal)

    def _release_watchdog(self) -> None:
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is None:
            return
        try:
            watchdog.communicate(_RELEASE, timeout=_REMOVAL_TIMEOUT_S)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            watchdog.kill()
            watchdog.wait()


def _to_argv(owner: Owner) -> list[str]:
    return [f"{key}={value}" for key, value in owner.labels().items()]


def _watch(argv: list[str]) -> None:
    """The watchdog: wait for the pipe's end, then clear what is left."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    owner = Owner.from_labels(dict(argument.split("=", 1) for argument in argv))
    if owner is None:
        raise SystemExit(f"not an owner: {argv}")
    if sys.stdin.buffer.read() == _RELEASE:
        return
    _clear(owner)


def _clear(owner: Owner, *, timeout_s: float = _WATCH_TIMEOUT_S) -> None:
    """End the processes and remove the objects of a dead run, until nothing new turns up."""
    begun = last_found_at = time.monotonic()
    for stray in strays.of_owner(owner):
        stray.tell(signal.SIGTERM)

    def settled() -> bool:
        nonlocal last_found_at
        left = strays.of_owner(owner)
        if time.monotonic() - begun > _REMOVAL_TIMEOUT_S:
            for stray in left:
                stray.tell(signal.SIGKILL)
        try:
            with closing(docker.from_env()) as client:
                found = reap(client, owner)
        except _REMOVAL_ERRORS as error:
            last_found_at = time.monotonic()
            raise NotYet(str(error)) from error
        if found or left:
            last_found_at = time.monotonic()
        # What the dead process had asked for just before may still be under way in the engine.
        return time.monotonic() - last_found_at > _ECHO_S

    wait_for("nothing to be left", settled, timeout_s=timeout_s, interval_s=0.5)


if __name__ == "__main__":
    _watch(sys.argv[1:])
