"""What a mutant is: a sabotage in exact words, and the scenarios that must notice it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

EMBEDDED: Final = "embedded"
POCKET: Final = "pocket"


class MutantStaleError(Exception):
    """The words that the mutant replaces are no longer in the product exactly once."""


@dataclass(frozen=True)
class Edit:
    """Replace ``old`` by ``new`` in ``file`` (relative to the project's root)."""

    file: str
    old: str
    new: str

    def apply(self, root: Path) -> None:
        """Change the file below ``root``; ``MutantStaleError`` unless ``old`` is there once."""
        path = root / self.file
        text = path.read_text() if path.exists() else ""
        if (count := text.count(self.old)) != 1:
            raise MutantStaleError(
                f"{self.file}: the replaced words stand {count} times, wanted once:\n{self.old}"
            )
        path.unlink()  # the copy is a link: what it was made of must not change
        path.write_text(text.replace(self.old, self.new))


@dataclass(frozen=True)
class Mutant:
    """One sabotage.

    ``red`` are the names of the scenarios that must fail, and no others may; those in ``errors``
    among them do so by an error, as a wait does that has no end, the others by an expectation.
    ``behave`` are behave's arguments that select what is run; ``profile`` is the engines' for that,
    by default those that load fastest. ``alone``: nothing may run beside it: it would take its
    time, or tidy up what it leaves. ``variables`` are settings of the suite for its run.
    """

    name: str
    story: str
    edits: tuple[Edit, ...]
    behave: tuple[str, ...]
    red: tuple[str, ...]
    errors: tuple[str, ...] = ()
    profile: str = EMBEDDED
    alone: bool = False
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """The feature files that ``behave`` names."""
        return tuple(word for word in self.behave if word.endswith(".feature"))
