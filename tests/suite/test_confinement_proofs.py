"""Confinement: each proof is shown what it must accept and what it must refuse."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from environment.expectations import ExpectationFailed
from environment.proofs import confinement_proofs

if TYPE_CHECKING:
    from environment.stack.containers import ServiceContainer

NONE = "0000000000000000"
ALL = "000001ffffffffff"
SCRATCH = "/tmp"  # noqa: S108 - inside the container


class Service:
    """Answers the proofs' commands as a container's shell would."""

    name = "made"

    def __init__(
        self,
        *,
        uid: str = "10001",
        gid: str = "10001",
        bounding: str = NONE,
        gains: str = "1",
        writable: tuple[str, ...] = (SCRATCH,),
        compiled: str = "a.nbc\nb.nbc\n",
    ) -> None:
        sets = dict.fromkeys(confinement_proofs.NO_CAPABILITIES, NONE) | {"CapBnd": bounding}
        lines = {"Uid": "\t".join([uid] * 4), "Gid": "\t".join([gid] * 4), "NoNewPrivs": gains}
        self.status = "".join(f"{name}:\t{value}\n" for name, value in (lines | sets).items())
        self.writable = writable
        self.compiled = {"/opt/numba": "a.nbc\nb.nbc\n", SCRATCH: compiled}

    def exec(self, *argv: str) -> SimpleNamespace:
        if argv[0] == "cat":
            return SimpleNamespace(output=self.status)
        if argv[0] == "find":
            return SimpleNamespace(output=self.compiled[argv[1]])
        folder = argv[-1].removeprefix(": > ").rsplit("/.written", 1)[0].split("/.written")[0]
        refused = "sh: 1: cannot create: Read-only file system"
        return SimpleNamespace(output="" if (folder or "/") in self.writable else refused)


def made(**differences: object) -> ServiceContainer:
    return cast("ServiceContainer", Service(**differences))  # type: ignore[arg-type]


def test_a_confined_service_is_accepted() -> None:
    confinement_proofs.prove_unprivileged(made())
    confinement_proofs.prove_without_capabilities(made())
    confinement_proofs.prove_root_read_only(made())
    confinement_proofs.prove_nothing_compiled_anew(made())


@pytest.mark.parametrize("compiled", ["", "a.nbc\n", "a.nbc\nb.nbc\nanew.nbc\n"])
def test_code_that_is_compiled_anew_is_refused(compiled: str) -> None:
    with pytest.raises(ExpectationFailed, match="the same files of Numba's"):
        confinement_proofs.prove_nothing_compiled_anew(made(compiled=compiled))


@pytest.mark.parametrize("wrong", [{"uid": "0"}, {"gid": "0"}])
def test_root_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ExpectationFailed, match="not root"):
        confinement_proofs.prove_unprivileged(made(**wrong))


@pytest.mark.parametrize("wrong", [{"bounding": ALL}, {"gains": "0"}])
def test_capabilities_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ExpectationFailed, match="no capability"):
        confinement_proofs.prove_without_capabilities(made(**wrong))


@pytest.mark.parametrize("writable", [(SCRATCH, "/app"), ()])
def test_a_writable_root_is_refused(writable: tuple[str, ...]) -> None:
    with pytest.raises(ExpectationFailed, match="everywhere but in"):
        confinement_proofs.prove_root_read_only(made(writable=writable))
