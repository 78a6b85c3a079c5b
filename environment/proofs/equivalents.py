"""What the clips say in Spanish, by the world's own table and not by any engine."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from fixtures.world import UNITS

_WORD: Final = re.compile(r"[^\W_]+")


class NotOfThisWorld(ValueError):  # noqa: N818 - named for what happened
    """Something is said that the clips' world has no translation for."""


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text, in lower case and without marks; accents stay."""
    return tuple(_WORD.findall(text.lower()))


def spanish_of(english: str) -> str:
    """Return the Spanish of numbers and phrases of the world, said one after the other.

    Of units that begin alike the longest is taken: "twenty one" is one number. Raises
    NotOfThisWorld, with the rest that has no translation.
    """
    table, longest = _table()
    left = words_of(english)
    said: list[str] = []
    while left:
        length = next((n for n in range(longest, 0, -1) if left[:n] in table), 0)
        if not length:
            raise NotOfThisWorld(f"{' '.join(left)!r} begins with nothing that the world knows")
        said.append(table[left[:length]])
        left = left[length:]
    return " ".join(said)


@cache
def _table() -> tuple[dict[tuple[str, ...], str], int]:
    table = {words_of(unit.english): unit.spanish for unit in UNITS}
    return table, max(map(len, table))
