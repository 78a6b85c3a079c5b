"""How a step says that something is not as the specification wants it (FR-045)."""

from dataclasses import dataclass
from typing import Final, NoReturn

from environment.errors import HarnessError

SEEN_CHARS: Final = 2000
"""What was seen is printed up to here; all of it lies with the evidence."""


class ExpectationFailed(AssertionError):  # noqa: N818 - it reads as what happened
    """An unmet expectation, with all that its reader needs.

    ``expected`` names the specification's number where there is one, ``seen`` what was measured,
    ``evidence`` where it can be looked at, ``hint`` what to try first.
    """

    def __init__(
        self, expected: str, seen: str, evidence: str | None = None, hint: str | None = None
    ) -> None:
        self.expected = expected
        self.seen = _cut(seen)
        self.evidence = evidence
        self.hint = hint
        super().__init__(expected, self.seen, evidence, hint)

    def __str__(self) -> str:
        return "\n".join(f"{label}: {text}" for label, text in self.lines())

    def lines(self) -> list[tuple[str, str]]:
        """Return the parts that are there as (label, text), in reading order."""
        parts = [
            ("expected", self.expected),
            ("seen", self.seen),
            ("evidence", self.evidence),
            ("try", self.hint),
        ]
        return [(label, text) for label, text in parts if text]


class StepBroken(AssertionError):  # noqa: N818 - it reads as what happened
    """A harness's error as behave prints it: cause and remedy, and no traceback before them."""

    def __init__(self, error: HarnessError) -> None:
        self.error = error
        super().__init__(str(error))


def expect(
    condition: object,
    *,
    expected: str,
    seen: object,
    hint: str,
    evidence: object | None = None,
) -> None:
    """Raise ``ExpectationFailed`` unless the condition holds."""
    if not condition:
        fail(expected=expected, seen=seen, hint=hint, evidence=evidence)


def fail(*, expected: str, seen: object, hint: str, evidence: object | None = None) -> NoReturn:
    """Raise ``ExpectationFailed``: for what is known to be wrong without a condition."""
    raise ExpectationFailed(
        expected, str(seen), None if evidence is None else str(evidence), hint or None
    )


@dataclass(frozen=True)
class Explanation:
    """A failed step's error as it is shown: what kind it was, and its labelled lines."""

    kind: str
    lines: tuple[tuple[str, str], ...]


def explain(error: BaseException) -> Explanation:
    """Describe any step's error in the words of an expectation."""
    if isinstance(error, StepBroken):
        return explain(error.error)
    notes = [("note", note) for note in getattr(error, "__notes__", ())]
    if isinstance(error, ExpectationFailed):
        return Explanation("expectation not met", (*error.lines(), *notes))
    if isinstance(error, HarnessError):
        remedy = [("try", error.remedy)] if error.remedy else []
        return Explanation("error", (("seen", _cut(error.message)), *notes, *remedy))
    if isinstance(error, KeyboardInterrupt):
        return Explanation("interrupted", (("seen", str(error) or "interrupted"),))
    kind = "assertion failed" if isinstance(error, AssertionError) else "error"
    return Explanation(kind, (("seen", _cut(f"{type(error).__name__}: {error}")), *notes))


def _cut(text: str) -> str:
    if len(text) <= SEEN_CHARS:
        return text
    return f"{text[:SEEN_CHARS]}… (cut: {len(text)} characters)"
