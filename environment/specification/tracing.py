"""The table from each requirement to the scenarios that prove it, and to what they last showed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from environment.specification.features import FeatureFile
from environment.specification.requirements import Specification, requirement_tags
from environment.specification.results import Outcome, Results

Verdict = Literal["passed", "failed", "skipped", "not run", "no scenario"]

_WORST_FIRST: Final[tuple[Outcome, ...]] = ("failed", "passed", "skipped", "not run")


@dataclass(frozen=True)
class Proof:
    """A scenario that bears a requirement's tag, or the rows of an outline that do.

    ``outcomes`` has one for each row; a plain scenario has one.
    """

    name: str
    place: str
    outcomes: tuple[Outcome, ...]

    def __str__(self) -> str:
        counts = Counter(self.outcomes)
        words = ", ".join(
            word if len(self.outcomes) == 1 else f"{counts[word]} {word}"
            for word in _WORST_FIRST
            if counts[word]
        )
        return f"{words:<12} {self.place}  {self.name}"


@dataclass(frozen=True)
class Traced:
    """One requirement with everything that bears its tag."""

    specification: str
    number: str
    meaning: str
    proofs: tuple[Proof, ...]

    @property
    def verdict(self) -> Verdict:
        """``passed`` if a scenario passed and none failed; else the best that can be said."""
        seen = {outcome for proof in self.proofs for outcome in proof.outcomes}
        return next((outcome for outcome in _WORST_FIRST if outcome in seen), "no scenario")


def trace(
    specifications: Sequence[Specification], features: Iterable[FeatureFile], results: Results
) -> tuple[Traced, ...]:
    """Find the scenarios of every requirement, and what became of them in the run."""
    proofs: dict[tuple[str, str], list[Proof]] = {}
    for file in features:
        for specification in specifications:
            if file.path.parts[0] == specification.folder:
                for number, proof in _proofs(file, results):
                    proofs.setdefault((specification.tag, number), []).append(proof)
    return tuple(
        Traced(spec.tag, number, meaning, tuple(proofs.get((spec.tag, number), ())))
        for spec in specifications
        for number, meaning in spec.requirements.items()
    )


def render(
    specifications: Sequence[Specification], traced: Sequence[Traced], results: Results
) -> str:
    """Return the table as text, with what is left unproven at its end."""
    lines = [f"results of {results.taken_at[:16].replace('T', ' ')}: {results}"]
    for specification in specifications:
        lines += ["", f"{specification.tag}  {specification.title}", ""]
        for item in traced:
            if item.specification == specification.tag:
                lines.append(f"  {item.number:<8}{item.verdict:<13}{item.meaning}")
                lines += [f"{'':10}{proof}".rstrip() for proof in item.proofs]
    lines += ["", *_sum(traced)]
    return "\n".join(lines)


def unproven(traced: Iterable[Traced]) -> tuple[Traced, ...]:
    """Return the requirements without a scenario that passed, or with one that failed."""
    return tuple(item for item in traced if item.verdict != "passed")


def _proofs(file: FeatureFile, results: Results) -> Iterator[tuple[str, Proof]]:
    for item, rows in file.groups:
        outcomes: dict[str, list[Outcome]] = {}
        for row in rows:
            for number in requirement_tags(row.effective_tags):
                outcomes.setdefault(number, []).append(results.of(file.dotted, row.name))
        for number, seen in outcomes.items():
            yield number, Proof(item.name, file.place(item), tuple(seen))


def _sum(traced: Sequence[Traced]) -> Iterator[str]:
    missing = unproven(traced)
    for item in missing:
        yield f"NOT PROVEN  {item.specification} {item.number:<7} {item.verdict}"
    yield f"{len(traced) - len(missing)} of {len(traced)} requirements and success criteria proven"
