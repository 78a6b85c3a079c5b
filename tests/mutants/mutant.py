"""What a mutant is: a sabotage in exact words, and the scenarios that must notice it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
        path.write_text(text.replace(self.old, self.new))


@dataclass(frozen=True)
class Mutant:
    """One sabotage.

    ``red`` are names of scenarios of which each must fail; an entry ``"run"`` means that the run
    as a whole must fail though its scenarios pass. ``behave`` are behave's arguments that
    select what is run.
    """

    name: str
    story: str
    edits: tuple[Edit, ...]
    behave: tuple[str, ...]
    red: tuple[str, ...]


RUN = "run"
