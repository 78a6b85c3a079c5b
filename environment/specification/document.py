"""A specification's Markdown as data: its stories, its edge cases, its requirements."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from environment.errors import HarnessError
from environment.specification.requirements import Specification

Keyword = Literal["given", "when", "then"]

_STORY: Final = re.compile(r"^### (User Story \d+ .*)$", re.MULTILINE)
_SECTION_END: Final = re.compile(r"^(?:---|### |## )", re.MULTILINE)
_PRIORITY: Final = re.compile(r" \(Priority: P\d\)$")
_ROW: Final = re.compile(
    r"^\d+\. \*\*Given\*\* (.*?), \*\*When\*\* (.*?), \*\*Then\*\* (.*)$", re.MULTILINE
)
_NUMBERED: Final = re.compile(r"^\d+\. \*\*Given\*\*", re.MULTILINE)
_EDGE_CASE: Final = re.compile(r"^- (What happens .*?\?) (.*)$", re.MULTILINE)
_REQUIREMENT: Final = re.compile(r"^- \*\*((?:FR|SC)-\d{3}[a-z]?)\*\*", re.MULTILINE)


class DocumentMissing(HarnessError):  # noqa: N818 - the family's way of naming
    """A specification is not in the folder, or is there twice, or is not in the form it has."""


@dataclass(frozen=True)
class Story:
    """A user story: its heading, its opening paragraph, its acceptance scenarios in order."""

    heading: str
    opening: str
    scenarios: tuple[Mapping[Keyword, str], ...]

    @property
    def name(self) -> str:
        """The heading without the priority."""
        return _PRIORITY.sub("", self.heading)


@dataclass(frozen=True)
class EdgeCase:
    """An edge case: the question, and what the specification answers."""

    question: str
    answer: str


@dataclass(frozen=True)
class Document:
    """What a specification says, its texts squeezed by ``squeeze``."""

    stories: tuple[Story, ...]
    edge_cases: tuple[EdgeCase, ...]
    requirements: tuple[str, ...]


def squeeze(text: str) -> str:
    """Return a text as it is compared: no bold marks, single blanks, no full stop at the end."""
    return " ".join(text.replace("**", "").split()).rstrip(".").strip()


def find_document(specification: Specification, folder: Path) -> Path:
    """Find the specification by the branch in its head, wherever below ``folder`` it lies.

    Raises ``DocumentMissing`` if there is none, or more than one.
    """
    mark = f"**Feature Branch**: `{specification.branch}`"
    found = [path for path in sorted(folder.rglob("*.md")) if mark in path.read_text("utf-8")]
    if len(found) == 1:
        return found[0]
    seen = ", ".join(map(str, found)) or "none"
    raise DocumentMissing(
        f"One document below {folder} must say {mark}; there is {seen}.",
        remedy="name the folder that holds the specifications: make verbatim SPECS=<folder>",
    )


def read_document(path: Path) -> Document:
    """Read a specification; ``DocumentMissing`` if a part is not in the form that is known."""
    markdown = path.read_text(encoding="utf-8")
    _, heading, rest = markdown.partition("### Edge Cases")
    edge_cases = rest.split("\n## ", 1)[0]
    document = Document(
        tuple(_stories(markdown)),
        tuple(EdgeCase(squeeze(q), squeeze(a)) for q, a in _EDGE_CASE.findall(edge_cases)),
        tuple(_REQUIREMENT.findall(markdown)),
    )
    if not (heading and document.stories and document.edge_cases and document.requirements):
        raise DocumentMissing(
            f"{path} has {len(document.stories)} user stories, {len(document.edge_cases)} edge "
            f"cases and {len(document.requirements)} requirements that can be read; none may be 0.",
            remedy="keep its headings and lists in the form they have.",
        )
    return document


def _stories(markdown: str) -> Iterator[Story]:
    parts: Sequence[str] = _STORY.split(markdown)
    for heading, rest in zip(parts[1::2], parts[2::2], strict=True):
        body = _SECTION_END.split(rest, maxsplit=1)[0]
        opening = next((text for text in body.split("\n\n") if text.strip()), "")
        rows = _ROW.findall(body)
        if len(rows) != len(_NUMBERED.findall(body)):
            raise DocumentMissing(
                f"{squeeze(heading)}: an acceptance scenario has no When or no Then.",
                remedy="write it as **Given** …, **When** …, **Then** …",
            )
        yield Story(
            squeeze(heading),
            squeeze(opening),
            tuple(
                {"given": squeeze(given), "when": squeeze(when), "then": squeeze(then)}
                for given, when, then in rows
            ),
        )
