"""Proofs that a fault is real, and that nothing of it is left behind it.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from environment.errors import HarnessError
from environment.expectations import expect
from environment.faults.disk import NO_SPACE
from environment.waiting import wait_for

if TYPE_CHECKING:
    from environment.stack.containers import ServiceContainer
    from environment.stack.topology import Topology

_GONE_WITHIN_S: Final = 5.0
_LONGEST_REQUEST_S: Final = 10.0
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
