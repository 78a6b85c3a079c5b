"""Proofs that a fault is real, and that nothing of it is left behind it.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from environment.errors import HarnessError
from environment.expectations import expect
from environment.faults.disk import NO_SPACE
from environment.waiting import wait_for

if TYPE_CHECKING:
    from environment.proofs.container_proofs import State
    from environment.stack.containers import ServiceContainer
    from environment.stack.topology import Topology

_GONE_WITHIN_S: Final = 5.0
_LONGEST_REQUEST_S: Final = 10.0
_SHARE_OFF: Final = 1.25
"""A processor is dealt out in slices: two seconds of it are right within a few of a hundred."""
_EARLY_S: Final = 0.1
_LATE_S: Final = 0.9
"""Less than what two delays of a scenario differ by: they must not be taken for each other."""
_COMPUTATION: Final = """
import time
began, used = time.perf_counter(), time.process_time()
while time.perf_counter() - began < 2:
    pass
print((time.process_time() - used) / (time.perf_counter() - began))
"""
_REQUEST: Final = """
import sys, time, urllib.request
began = time.monotonic()
try:
    urllib.request.urlopen(sys.argv[1] + "/health", timeout=float(sys.argv[2])).read()
except OSError as error:
    late = isinstance(getattr(error, "reason", error), TimeoutError)
    print("late" if late else f"failed: {error}")
else:
    print(time.monotonic() - began)
"""


def prove_not_answering(container: ServiceContainer) -> None:
    """Nobody answers at its published port."""
    wait_for(
        f"{container.name} to answer no more",
        lambda: not container.is_answering(),
        timeout_s=_GONE_WITHIN_S,
    )


def request_s(container: ServiceContainer, url: str, timeout_s: float) -> float:
    """How long a request for /health takes, made inside the container; inf: no answer in time.

    Raises ``HarnessError`` where it was refused, or could not be made at all.
    """
    done = container.exec(
        *("python3", "-c", _REQUEST, url, str(timeout_s)), timeout_s=_LONGEST_REQUEST_S + timeout_s
    )
    said = done.output.strip().splitlines()[-1:]
    if said == ["late"]:
        return math.inf
    try:
        return float(said[0])
    except (IndexError, ValueError) as error:
        raise HarnessError(f"{container.name} could not ask {url}: {done.output}") from error


def prove_slow(container: ServiceContainer, url: str, least_ms: float) -> None:
    """A request from inside the container takes that long, or longer, and is answered."""
    took_s = request_s(container, url, _LONGEST_REQUEST_S)
    expect(
        least_ms <= 1000 * took_s < math.inf,
        expected=f"an answer from {url} after {least_ms:g} ms or more",
        seen=f"after {1000 * took_s:.0f} ms",
        hint="environment/faults/link_program.py is the proxy; `docker logs` of it.",
    )


def prove_silent(container: ServiceContainer, url: str, limit_s: float) -> None:
    """A request from inside the container is not answered in that time."""
    took_s = request_s(container, url, limit_s)
    expect(
        took_s == math.inf,
        expected=f"no answer from {url} within {limit_s:g} s",
        seen=f"an answer after {took_s} s",
        hint="environment/faults/link_program.py is the proxy.",
    )


def prove_restarted(before: State, after: State) -> None:
    """It runs, as another process than before, which was started later."""
    expect(
        after["Status"] == "running"
        and after["Pid"] != before["Pid"]
        and after["StartedAt"] > before["StartedAt"],
        expected=f"running, as another process than {before['Pid']}, started after "
        f"{before['StartedAt']}",
        seen=f"{after['Status']}, process {after['Pid']}, started at {after['StartedAt']}",
        hint="`docker inspect` shows the state.",
    )


def share_of_processor(container: ServiceContainer) -> float:
    """How much of a processor somebody gets in the container who computes without a pause.

    Raises ``HarnessError`` where nobody could be asked.
    """
    done = container.exec("python3", "-c", _COMPUTATION, timeout_s=_LONGEST_REQUEST_S)
    try:
        return float(done.output)
    except ValueError as error:
        raise HarnessError(f"{container.name} could not compute: {done.output}") from error


def prove_slowed_down(share: float, processors: float) -> None:
    """No more of a processor was to be had than that, but for what a measurement may be off."""
    expect(
        share <= processors * _SHARE_OFF,
        expected=f"{processors:g} of a processor at most",
        seen=f"{share:.2f} of a processor",
        hint="`docker inspect` shows CpuQuota and CpuPeriod.",
    )


def prove_not_slowed_down(share: float, processors: float) -> None:
    """More of a processor is to be had than that."""
    expect(
        share > processors * _SHARE_OFF,
        expected=f"more than {processors:g} of a processor",
        seen=f"{share:.2f} of a processor",
        hint="`docker inspect` shows CpuQuota; or is the machine busy with something else?",
    )


def prove_longer(
    before_s: Sequence[float], after_s: Sequence[float], wanted_s: Sequence[float]
) -> None:
    """Each fragment took that much longer than the same one before: not less, and hardly more."""
    longer_s = [round(after - before, 2) for before, after in zip(before_s, after_s, strict=True)]
    expect(
        len(longer_s) == len(wanted_s) > 0
        and all(
            wanted - _EARLY_S <= longer <= wanted + _LATE_S
            for longer, wanted in zip(longer_s, wanted_s, strict=True)
        ),
        expected=f"fragments that take {list(wanted_s)} s longer than {list(before_s)} s",
        seen=f"{longer_s} s longer",
        hint="DEBUG_DELAY_S of sts-service; its log warns of it at start.",
    )


def prove_room(container: ServiceContainer, folder: str, *, room: bool) -> None:
    """Whether 64 KiB can be written there, as the service's own user, is as it should be."""
    file = f"{folder}/.room"
    written = container.exec("dd", "if=/dev/zero", f"of={file}", "bs=65536", "count=1")
    container.exec("rm", "-f", file)
    # Whatever else keeps it from being written is no full disk.
    full = written.exit_code != 0 and NO_SPACE in written.output
    expect(
        written.exit_code == 0 if room else full,
        expected=f"{'room' if room else 'no room'} at {folder} in {container.name}",
        seen=written.output.strip(),
        hint="`docker exec … df` of the folder.",
    )


def prove_as_made(stack: Topology, made: dict[str, tuple[str, ...]]) -> None:
    """Every container runs on the network with the variables that it had, and no other is there.

    ``made``: the variables of each container, by its name, before anything was broken.
    """
    seen = variables_of(stack)
    members = set(stack.network.members())
    expect(
        seen == made and members == set(made),
        expected=f"the containers {sorted(made)} with the variables they had, and no other",
        seen=f"members {sorted(members)}; differing: {[n for n in made if seen.get(n) != made[n]]}",
        hint="environment/faults has the undoing of each fault; run.log has fault_undone.",
    )


def variables_of(stack: Topology) -> dict[str, tuple[str, ...]]:
    """The variables inside each container, and where it may write, by its name."""
    return {
        container.name: (
            *sorted(f"{name}={value}" for name, value in container.environment.items()),
            *sorted(container.inspect()["HostConfig"].get("Tmpfs") or {}),
        )
        for container in stack.containers.values()
    }
