"""Proofs about the page on configuration: it has every variable, and examples that are right.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from environment.errors import SettingsInvalid
from environment.expectations import expect
from environment.settings import REPO_ROOT, Settings, load_settings

PRINT_SETTINGS: Final = (sys.executable, "-m", "environment", "config")
_TIMEOUT_S: Final = 30.0
_LINE: Final = re.compile(r"^([A-Z0-9_]+)=(.*?) +# (.+)$", re.MULTILINE)
_ROW: Final = re.compile(r"^\| `([A-Z0-9_]+)` \| (.*?) \| .+? \| (.+) \|$", re.MULTILINE)
_SECTION: Final = re.compile(r"^## Configuration\n(.*?)^## ", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\]\((docs/[^)]+\.md)\)")
_EXAMPLES: Final = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_ASSIGNMENT: Final = re.compile(r"[A-Z][A-Z0-9_]*=.*")


def bare_environment(empty_file: Path) -> dict[str, str]:
    """This process's environment without any variable of the suite, in a file neither."""
    names = {name.upper() for name in Settings.model_fields}
    bare = {name: value for name, value in os.environ.items() if name not in names}
    return {**bare, "E2E_ENV_FILE": str(empty_file)}


def printed_settings(environment: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What `make config` prints in that environment: value and meaning of each variable."""
    printed = subprocess.run(
        PRINT_SETTINGS,
        cwd=REPO_ROOT,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=True,
        timeout=_TIMEOUT_S,
    ).stdout
    return {name: (value, meaning) for name, value, meaning in _LINE.findall(printed)}


def documented(readme: Path = REPO_ROOT / "README.md") -> Path:
    """The page to which the README's section on configuration leads, which must be there."""
    section = _SECTION.search(readme.read_text(encoding="utf-8"))
    links: list[str] = _LINK.findall(section[1]) if section else []
    pages = [readme.parent / link for link in links]
    expect(
        pages and pages[0].is_file(),
        expected="a section on configuration with a link to a page below docs/",
        seen=links or section,
        hint="README.md, and `python -m environment.configuration`.",
    )
    return pages[0]


def prove_defaults(printed: Mapping[str, tuple[str, str]]) -> None:
    """Every variable was printed, and none has another value than its default."""
    wanted = {name.upper() for name in Settings.model_fields}
    # The variable that keeps every file out of it is the one that has to be set.
    changed = [
        name
        for name, (_value, meaning) in printed.items()
        if "; default " in meaning and name != "E2E_ENV_FILE"
    ]
    expect(
        set(printed) == wanted and not changed,
        expected=f"{len(wanted)} variables, all with their defaults (FR-039)",
        seen=f"not printed: {sorted(wanted - set(printed))}; not the default: {changed}",
        hint="environment/settings.py: a field without a default.",
    )


def prove_text_s_defaults(
    printed: Mapping[str, tuple[str, str]], wanted: Mapping[str, str]
) -> None:
    """What was printed for these variables, by a process that has none set, is the text's value."""
    seen = {name: printed[name][0] if name in printed else None for name in wanted}
    expect(
        wanted and seen == dict(wanted),
        expected=f"the defaults that the text states: {dict(wanted)}",
        seen=seen,
        hint="environment/settings.py has the defaults.",
    )


def prove_documented(page: Path, printed: Mapping[str, tuple[str, str]]) -> None:
    """The page has a row for every variable, with the default and the meaning that were printed."""
    rows = {
        name: (default.strip("`"), meaning)
        for name, default, meaning in _ROW.findall(page.read_text(encoding="utf-8"))
    }
    rows.pop("E2E_ENV_FILE", None)
    wanted = {name: said for name, said in printed.items() if name != "E2E_ENV_FILE"}
    wrong = {
        name: (said, rows.get(name)) for name, said in wanted.items() if rows.get(name) != said
    }
    expect(
        wanted and not wrong and set(rows) == set(wanted),
        expected=f"{len(wanted)} rows with default and meaning (FR-041)",
        seen=f"said otherwise: {wrong}; in the page alone: {sorted(set(rows) - set(wanted))}",
        evidence=page,
        hint="`python -m environment.configuration` writes the page anew.",
    )


def prove_examples(page: Path) -> None:
    """The page's examples set variables that there are, to values that the settings take."""
    examples = list(_assignments(page.read_text(encoding="utf-8")))
    known = {name.upper() for name in Settings.model_fields}
    wrong = []
    for name, value in examples:
        try:
            load_settings({name.lower(): value})
        except SettingsInvalid as error:
            wrong.append(str(error))
    strange = [name for name, _value in examples if name not in known]
    expect(
        examples and not wrong and not strange,
        expected="examples with variables that there are, and values that are valid (FR-041)",
        seen=wrong or strange or "no example",
        evidence=page,
        hint="environment/configuration.py has the examples.",
    )


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for block in _EXAMPLES.findall(text):
        for line in block.splitlines():
            for word in shlex.split(line, comments=True):
                if _ASSIGNMENT.fullmatch(word):
                    name, _, value = word.partition("=")
                    yield name, value
