"""The feature files held word for word against what the specifications say.

For every user story there is a feature whose name is the story's heading (its priority may be left
to a tag), whose description holds the opening paragraph, and which holds a scenario for each
acceptance scenario, in order, none switched off by a tag: the Given steps, joined by ", ", are the
Given clause, and so for When and Then. For every edge case there is a scenario whose name is the
question, and whose description holds the answer. A scenario of our own in a story is tagged
``@contract``; it is left out of account.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from behave.model import Scenario

from environment.specification.document import Document, EdgeCase, Keyword, Story, squeeze
from environment.specification.features import FeatureFile
from environment.specification.requirements import Specification

OURS: Final = "contract"
SWITCHED_OFF: Final = frozenset({"skip", "wip", "todo", "xfail", "disabled"})
_KEYWORDS: Final[tuple[Keyword, ...]] = get_args(Keyword)


@dataclass(frozen=True)
class Difference:
    """A clause of a specification that the features do not have as it stands there.

    ``wanted`` is the specification's text, ``seen`` that of the feature, if there is one that comes
    near, at ``place``. ``clauses`` is how many of the specification's clauses that is.
    """

    subject: str
    problem: str
    wanted: str
    seen: str | None = None
    place: str | None = None
    clauses: int = 1


@dataclass(frozen=True)
class Comparison:
    """One specification against its features: how many clauses there are, and what differs."""

    specification: Specification
    clauses: int
    differences: tuple[Difference, ...]

    @property
    def missing(self) -> int:
        """How many clauses are not there word for word."""
        return sum(difference.clauses for difference in self.differences)


@dataclass(frozen=True)
class _Candidate:
    scenario: Scenario
    file: FeatureFile

    @property
    def is_off(self) -> bool:
        return bool(SWITCHED_OFF & {*self.scenario.tags, *self.file.feature.tags})

    @property
    def place(self) -> str:
        return self.file.place(self.scenario)

    def clause(self, keyword: Keyword) -> str:
        steps = (step.name for step in self.scenario.steps if step.step_type == keyword)
        return squeeze(", ".join(steps))

    def differing(self, row: dict[Keyword, str]) -> list[Keyword]:
        return [keyword for keyword in _KEYWORDS if self.clause(keyword) != row[keyword]]


def compare(
    specification: Specification, document: Document, features: Sequence[FeatureFile]
) -> Comparison:
    """Hold the features that bear the specification's tag against its text."""
    mine = [file for file in features if specification.tag in file.feature.tags]
    stories = [difference for story in document.stories for difference in _story(story, mine)]
    questions = [difference for case in document.edge_cases for difference in _edge(case, mine)]
    clauses = sum(1 + len(_KEYWORDS) * len(story.scenarios) for story in document.stories)
    return Comparison(specification, clauses + 2 * len(document.edge_cases), (*stories, *questions))


def list_differences(specification: Specification, document: Document) -> tuple[str, ...]:
    """Say in which numbers features/requirements.toml is not the specification's list."""
    listed, written = set(specification.requirements), set(document.requirements)
    return (
        *(
            f"{specification.tag} {number} is not in the list"
            for number in sorted(written - listed)
        ),
        *(
            f"{specification.tag} {number} is in the list alone"
            for number in sorted(listed - written)
        ),
    )


def _story(story: Story, features: Sequence[FeatureFile]) -> Iterator[Difference]:
    names = {story.heading, story.name}
    file = next((f for f in features if squeeze(f.feature.name) in names), None)
    if file is None:
        yield Difference(story.name, "no feature has this name", story.heading)
        for number, row in enumerate(story.scenarios, 1):
            for keyword in _KEYWORDS:
                yield Difference(_subject(story, number, keyword), "no such step", row[keyword])
        return
    description = squeeze(" ".join(file.feature.description))
    if story.opening not in description:
        yield Difference(
            story.name,
            "the description does not open with the story's paragraph",
            story.opening,
            description,
            f"features/{file.path}:{file.feature.location.line}",
        )
    yield from _scenarios(story, file)


def _scenarios(story: Story, file: FeatureFile) -> Iterator[Difference]:
    candidates = [
        _Candidate(scenario, file)
        for scenario in file.feature.walk_scenarios(with_outlines=False)
        if OURS not in scenario.tags
    ]
    last = -1
    for number, clauses in enumerate(story.scenarios, 1):
        row = dict(clauses)
        exact = [at for at, each in enumerate(candidates) if not each.differing(row)]
        at = next((at for at in exact if at > last), None)
        if at is not None:
            last = at
            if candidates[at].is_off:
                yield from _whole(story, number, row, candidates[at], "switched off by a tag")
        elif exact:
            yield from _whole(story, number, row, candidates[exact[0]], "out of order")
        else:
            yield from _unlike(story, number, row, candidates)


def _whole(
    story: Story, number: int, row: dict[Keyword, str], found: _Candidate, problem: str
) -> Iterator[Difference]:
    for keyword in _KEYWORDS:
        subject = _subject(story, number, keyword)
        yield Difference(subject, problem, row[keyword], place=found.place)


def _unlike(
    story: Story, number: int, row: dict[Keyword, str], candidates: Sequence[_Candidate]
) -> Iterator[Difference]:
    nearest = min(candidates, key=lambda each: len(each.differing(row)), default=None)
    # One that shares no clause is another scenario; its words would say nothing.
    is_near = nearest is not None and len(nearest.differing(row)) < len(_KEYWORDS)
    for keyword in nearest.differing(row) if nearest is not None else _KEYWORDS:
        yield Difference(
            _subject(story, number, keyword),
            "not verbatim" if is_near else "no such step",
            row[keyword],
            nearest.clause(keyword) if nearest is not None and is_near else None,
            nearest.place if nearest is not None and is_near else None,
        )


def _edge(case: EdgeCase, features: Sequence[FeatureFile]) -> Iterator[Difference]:
    named = [
        candidate
        for file in features
        for scenario in file.feature.walk_scenarios(with_outlines=False)
        if squeeze(scenario.name) == case.question
        and not (candidate := _Candidate(scenario, file)).is_off
    ]
    if not named:
        yield Difference(case.question, "no scenario has this name", case.answer, clauses=2)
        return
    # As with any name that is given twice, the last one counts.
    found = named[-1]
    description = squeeze(" ".join(found.scenario.description))
    if case.answer not in description:
        problem = "the description does not hold the specification's answer"
        yield Difference(case.question, problem, case.answer, description, found.place)


def _subject(story: Story, number: int, keyword: Keyword) -> str:
    return f"{story.name}, scenario {number}, {keyword.capitalize()}"
