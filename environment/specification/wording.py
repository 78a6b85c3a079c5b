"""How the differences between a specification and its features are shown to a person."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

from environment.specification.verbatim import Comparison, Difference

WIDTH: Final = 100
_INDENT: Final = " " * 4


def render(comparisons: Sequence[Comparison], list_troubles: Sequence[str]) -> str:
    """Return what differs, clause by clause, and the sum over all specifications."""
    lines: list[str] = []
    for comparison in comparisons:
        tag = comparison.specification.tag
        for difference in comparison.differences:
            lines += [f"{tag}: {difference.subject}", *_explained(difference), ""]
    lines += [f"features/requirements.toml: {trouble}" for trouble in list_troubles]
    total = sum(comparison.clauses for comparison in comparisons)
    missing = sum(comparison.missing for comparison in comparisons)
    return "\n".join([*lines, f"{total - missing} of {total} clauses verbatim"])


def marked(wanted: str, seen: str) -> str:
    """Return both texts as one, as ``git diff --word-diff`` does.

    ``[-specification-]`` is what the feature lacks, ``{+feature+}`` what it has in its place.
    """
    old, new = wanted.split(), seen.split()
    words: list[str] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            words += old[a:b]
            continue
        if b > a:
            words.append(f"[-{' '.join(old[a:b])}-]")
        if d > c:
            words.append(f"{{+{' '.join(new[c:d])}+}}")
    return " ".join(words)


def _explained(difference: Difference) -> Iterator[str]:
    where = f", {difference.place}" if difference.place else ""
    yield f"  {difference.problem}{where}"
    is_compared = difference.seen is not None
    text = marked(difference.wanted, difference.seen or "") if is_compared else difference.wanted
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
