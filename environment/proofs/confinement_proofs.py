"""Proofs that a service has no more rights than it needs, asked of its own first process.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from environment.expectations import expect

if TYPE_CHECKING:
    from environment.stack.containers import ServiceContainer

NO_CAPABILITIES: Final = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
_ROOT_IDS: Final = {"0"}
_READ_ONLY: Final = "Read-only file system"
_UNWRITABLE: Final = ("/app", "/etc", "/usr/lib", "/")
_SCRATCH: Final = "/tmp"  # noqa: S108 - inside the container
_COMPILED: Final = "/opt/numba"


def prove_unprivileged(service: ServiceContainer) -> None:
    """Its first process runs as an ordinary user and group, in every one of their four kinds."""
    status = process_status(service)
    ids = {name: status.get(name, "").split() for name in ("Uid", "Gid")}
    expect(
        all(len(having) == 4 and not _ROOT_IDS & set(having) for having in ids.values()),
        expected="a user and a group that are not root",
        seen=ids,
        hint=f"USER in the Dockerfile of {service.name}.",
    )


def prove_without_capabilities(service: ServiceContainer) -> None:
    """It has no capability, can inherit none, and no program that it starts can gain one."""
    status = process_status(service)
    having = {name: int(status.get(name, "-1"), 16) for name in NO_CAPABILITIES}
    gains = status.get("NoNewPrivs")
    expect(
        not any(having.values()) and gains == "1",
        expected="no capability in any set, and no new privileges",
        seen=f"{ {name: hex(bits) for name, bits in having.items()} }, NoNewPrivs {gains}",
        hint="`confined` in environment/stack/blueprint.py.",
    )


def prove_root_read_only(service: ServiceContainer) -> None:
    """Nothing can be written to its root file system; what it needs to write, it can."""
    refused = {folder: _try_to_write(service, folder) for folder in _UNWRITABLE}
    scratch = _try_to_write(service, _SCRATCH)
    expect(
        all(_READ_ONLY in said for said in refused.values()) and scratch == "",
        expected=f"{_READ_ONLY!r} everywhere but in {_SCRATCH}",
        seen={**refused, _SCRATCH: scratch or "written"},
        hint="`confined` in environment/stack/blueprint.py.",
    )


def prove_nothing_compiled_anew(service: ServiceContainer) -> None:
    """Its engines run the code that was compiled when their image was made, all in its place.

    Numba compiles for a third of a minute, in each worker, where it cannot write to the cache that
    it has.
    """
    shipped, used = (_compiled(service, folder) for folder in (_COMPILED, _SCRATCH))
    expect(
        used == shipped and shipped,
        expected=f"the same files of Numba's beneath {_SCRATCH} as in {_COMPILED}",
        seen=f"{len(shipped)} in {_COMPILED}, {len(used)} beneath {_SCRATCH}; "
        f"not in both: {sorted(used ^ shipped)[:3]}",
        hint="sts_service/library_environment.py, and warm.py of the image's packages.",
    )


def process_status(service: ServiceContainer) -> Mapping[str, str]:
    """What the kernel says of the service's first process: the lines of its ``status``."""
    said = service.exec("cat", "/proc/1/status").output
    lines = (line.partition(":") for line in said.splitlines())
    return {name: value.strip() for name, _, value in lines}


def _compiled(service: ServiceContainer, folder: str) -> set[str]:
    said = service.exec("find", folder, "-name", "*.nbc", "-printf", "%f\\n").output
    return set(said.split())


def _try_to_write(service: ServiceContainer, folder: str) -> str:
    probe = f"{folder.rstrip('/')}/.written-by-the-suite"
    return service.exec("sh", "-c", f": > {probe} && rm {probe}").output.strip()
