"""Bounds that a text states are compared as they stand: only waits are stretched."""

import ast
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from environment.errors import WaitTimeout
from environment.expectations import ExpectationFailed
from environment.settings import REPO_ROOT, Settings
from environment.waiting import wait_within

STEP_MODULES = sorted((REPO_ROOT / "steps").glob("*.py"))
PROOF_MODULES = sorted((REPO_ROOT / "environment" / "proofs").glob("*.py"))
ARITHMETIC = {"min", "max", "abs", "round", "sum", "float", "int"}
STRETCHED = Settings(e2e_timeout_multiplier=10)

STEP = """
def step(context, limit_s):
    timeout = context.session.settings.timeout
    {line}
    expect({condition}, expected="", seen="", hint="")
"""


def stretches(node: ast.AST, names: set[str]) -> bool:
    """Whether the expression's value is stretched: made of ``.timeout``, or of a name for it.

    What a call returns is not, though its deadline was; arithmetic leaves a bound what it is.
    """
    if isinstance(node, ast.Attribute) and node.attr == "timeout":
        return True
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.Call):
        arithmetic = isinstance(node.func, ast.Name) and node.func.id in ARITHMETIC
        return any(stretches(part, names) for part in (node.args if arithmetic else [node.func]))
    return any(stretches(part, names) for part in ast.iter_child_nodes(node))


def stretched_names(function: ast.FunctionDef) -> set[str]:
    """Names to which a function assigns something stretched, by whatever detour."""
    names: set[str] = set()
    assignments = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
    for _ in assignments:
        for node in assignments:
            for target in node.targets:
                names.update(_bound(target, node.value, names))
    return names


def _bound(target: ast.expr, value: ast.expr, names: set[str]) -> Iterator[str]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for part, its_value in zip(target.elts, value.elts, strict=True):
            yield from _bound(part, its_value, names)
    elif stretches(value, names):
        yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))


def stretched_bounds(source: str) -> list[int]:
    """Lines of the ``expect`` and ``prove_...`` calls that compare with something stretched."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        names = stretched_names(function)
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                judged = call.func.id == "expect" or call.func.id.startswith("prove_")
                if judged and any(stretches(argument, names) for argument in call.args):
                    found.append(call.lineno)
    return found


@pytest.mark.parametrize("path", STEP_MODULES + PROOF_MODULES, ids=lambda path: path.stem)
def test_no_bound_is_stretched(path: Path) -> None:
    assert stretched_bounds(path.read_text()) == []


@pytest.mark.parametrize(
    ("line", "condition", "stretched"),
    [
        ("pass", "took_s <= limit_s", False),
        ("took_s = wait(timeout(3))", "took_s <= limit_s", False),
        ("t_s = timeout(3); a = {n: wait(n, timeout_s=t_s) for n in '12'}", "a", False),
        ("pass", "took_s <= max(limit_s, timeout(limit_s))", True),
        ("pass", "took_s <= settings.timeout(limit_s)", True),
        ("pass", "took_s <= timeout(limit_s)", True),
        ("limit = context.session.settings.timeout(limit_s)", "took_s <= limit", True),
        ("a, limit = 1, stack.settings.timeout(limit_s)", "took_s <= limit", True),
        ("limit = timeout(3); most = 2 * limit", "took_s <= most", True),
    ],
)
def test_a_stretched_bound_is_found_out(line: str, condition: str, stretched: bool) -> None:
    source = STEP.format(line=line, condition=condition)
    assert bool(stretched_bounds(source)) == stretched


def test_a_wait_in_time_returns_what_it_waited_for() -> None:
    assert wait_within("it", lambda: 7, limit_s=1, settings=Settings()) == 7


def test_a_slow_machine_waits_longer_but_the_bound_stays() -> None:
    begun = time.monotonic()
    with pytest.raises(ExpectationFailed) as late:
        wait_within("it", lambda: time.monotonic() - begun > 0.2, limit_s=0.1, settings=STRETCHED)
    assert late.value.expected == "it within 0.1 s"
    assert late.value.seen.startswith("after 0.2")


def test_a_bound_counts_from_where_the_text_does() -> None:
    with pytest.raises(ExpectationFailed):
        wait_within("it", lambda: True, limit_s=1, settings=Settings(), since=time.monotonic() - 2)


def test_what_never_comes_is_a_timeout() -> None:
    with pytest.raises(WaitTimeout):
        wait_within("it", lambda: None, limit_s=0.02, settings=Settings())


def test_a_multiplier_below_one_does_not_shorten_the_bound() -> None:
    begun = time.monotonic()
    hasty = Settings(e2e_timeout_multiplier=0.1)
    assert wait_within("it", lambda: time.monotonic() - begun > 0.1, limit_s=0.5, settings=hasty)
