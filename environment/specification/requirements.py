"""The list of what the two specifications require: features/requirements.toml, typed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from environment.errors import HarnessError
from environment.settings import REPO_ROOT

FEATURES: Final = REPO_ROOT / "features"
LIST: Final = FEATURES / "requirements.toml"

_REQUIREMENT_TAG: Final = re.compile(r"(?:fr|sc)-\d{3}[a-z]?")


class RequirementsUnreadable(HarnessError):  # noqa: N818 - the family's way of naming
    """features/requirements.toml is not what it should be."""


@dataclass(frozen=True)
class Specification:
    """One specification: its tag, its title, its branch, and what it requires.

    ``folder`` is where its features lie below features/; ``requirements`` has a few words for each
    number (``FR-009``), in the order of the text.
    """

    tag: str
    title: str
    branch: str
    folder: str
    requirements: Mapping[str, str]


def read_specifications(path: Path = LIST) -> tuple[Specification, ...]:
    """Read the list; ``RequirementsUnreadable`` names what is wrong with it."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return tuple(Specification(tag=tag, **fields) for tag, fields in document.items())
    except (OSError, tomllib.TOMLDecodeError, TypeError) as error:
        raise RequirementsUnreadable(
            f"{path} cannot be read: {error}.", remedy="`git checkout` brings it back."
        ) from None


def requirement_tags(tags: Iterable[str]) -> frozenset[str]:
    """Return the requirements among a scenario's tags, as numbers: ``fr-009`` is ``FR-009``."""
    found = (tag for tag in tags if _REQUIREMENT_TAG.fullmatch(tag))
    return frozenset(f"{tag[:2].upper()}{tag[2:]}" for tag in found)
