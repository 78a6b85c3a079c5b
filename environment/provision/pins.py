"""The complete list of pinned packages that a requirements.txt of an image is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from environment.errors import ImageUnavailable

_PIN: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.!+]+)")
_EXTRA_INDEX: Final = "--extra-index-url "


@dataclass(frozen=True)
class Pin:
    """One package in one version; `name` in the form that all its spellings share."""

    name: str
    version: str

    @classmethod
    def of_wheel(cls, wheel: Path) -> Self:
        """The package that a wheel's file name tells."""
        name, version, *_ = wheel.name.split("-")
        return cls(_normal(name), version)

    @property
    def is_local(self) -> bool:
        """Whether its version has a local part (`+cpu`), and so lies on no public index but one."""
        return "+" in self.version

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


@dataclass(frozen=True)
class Pins:
    """What a requirements.txt asks for; `extra_index` is the one that local versions lie on."""

    pins: tuple[Pin, ...]
    extra_index: str | None = None

    def missing_from(self, wheels: Iterable[Path]) -> tuple[Pin, ...]:
        """Those for which none of `wheels` will do."""
        there = {Pin.of_wheel(wheel) for wheel in wheels}
        return tuple(pin for pin in self.pins if pin not in there)

    def chosen_from(self, wheels: Iterable[Path]) -> tuple[Path, ...]:
        """Those of `wheels` that are asked for, sorted."""
        wanted = set(self.pins)
        return tuple(sorted(wheel for wheel in wheels if Pin.of_wheel(wheel) in wanted))


def read_pins(requirements: Path) -> Pins:
    """Read a requirements.txt that holds `name==version` and at most one extra index.

    Raises:
        ImageUnavailable: a line is anything else; what pip would choose freely is no image's
            content.
    """
    pins: list[Pin] = []
    extra_index = None
    for number, written in enumerate(requirements.read_text().splitlines(), start=1):
        line = written.partition(" #")[0].strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith(_EXTRA_INDEX):
            extra_index = line.removeprefix(_EXTRA_INDEX).strip()
            continue
        pin = _PIN.fullmatch(line)
        if pin is None:
            raise ImageUnavailable(
                f"{requirements}:{number}: {line!r} is not of the form name==version.",
                remedy="pin it, and every package it needs.",
            )
        pins.append(Pin(_normal(pin["name"]), pin["version"]))
    return Pins(tuple(pins), extra_index)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
