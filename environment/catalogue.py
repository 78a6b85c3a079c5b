"""The catalogue of steps: every sentence the features may use, from the steps' own docstrings.

python -m environment.catalogue            write docs/steps.md
python -m environment.catalogue --check    exit status 1 if docs/steps.md is not current
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from behave.runner_util import load_step_modules
from behave.step_registry import registry

from environment.settings import REPO_ROOT

STEPS: Final = REPO_ROOT / "steps"
CATALOGUE: Final = REPO_ROOT / "docs" / "steps.md"
_KEYWORDS: Final = ("given", "when", "then")
_HEAD: Final = """\
# The steps

Made by `python -m environment.catalogue` from the steps' docstrings; do not edit. `{name}` stands
for what a scenario fills in, `{name:d}` for a whole number, `{name:g}` for any number.
"""


@dataclass(frozen=True)
class Sentence:
    """One step: its sentence under each keyword it answers to, and what it does."""

    subject: str
    keywords: tuple[str, ...]
    pattern: str
    meaning: str
    line: int


def sentences() -> list[Sentence]:
    """Load every step module; return the steps in the order in which they are written."""
    if not any(registry.steps.values()):
        load_step_modules([str(STEPS)])
    found: dict[tuple[str, int, str], list[tuple[str, Callable[..., Any]]]] = defaultdict(list)
    for keyword in _KEYWORDS:
        for matcher in registry.steps[keyword]:
            function = inspect.unwrap(matcher.func)
            subject = Path(function.__code__.co_filename).stem
            line = function.__code__.co_firstlineno
            found[subject, line, matcher.pattern].append((keyword, function))
    return [
        Sentence(
            subject,
            tuple(keyword for keyword, _function in steps),
            pattern,
            inspect.getdoc(steps[0][1]) or "",
            line,
        )
        for (subject, line, pattern), steps in sorted(found.items())
    ]


def render(steps: list[Sentence]) -> str:
    """Write the catalogue: a section for each step module, a sentence and its meaning each."""
    parts = [_HEAD]
    subject = ""
    for step in steps:
        if step.subject != subject:
            subject = step.subject
            parts.append(f"## {subject.replace('_', ' ')}\n\n{_module_doc(subject)}\n")
        keywords = "/".join(keyword.capitalize() for keyword in step.keywords)
        parts.append(f"- **{keywords}** {step.pattern}\n\n  {' '.join(step.meaning.split())}\n")
    return "\n".join(parts)


def main(argv: list[str] | None = None) -> int:
    """Write the catalogue, or with ``--check`` say whether it is current."""
    parser = argparse.ArgumentParser(prog="python -m environment.catalogue", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    wanted, made = parser.parse_args(argv), render(sentences())
    if not wanted.check:
        CATALOGUE.parent.mkdir(exist_ok=True)
        CATALOGUE.write_text(made)
        return 0
    if CATALOGUE.is_file() and CATALOGUE.read_text() == made:
        return 0
    print("docs/steps.md is not current. Remedy: `python -m environment.catalogue`.")
    return 1


def _module_doc(subject: str) -> str:
    return ast.get_docstring(ast.parse((STEPS / f"{subject}.py").read_text())) or ""


if __name__ == "__main__":
    sys.exit(main())
