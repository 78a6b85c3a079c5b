"""The features: complete, tagged, and in words that the steps understand."""

import ast
import itertools
from pathlib import Path

import pytest
from behave.model import Feature
from behave.parser import parse_file
from behave.runner_util import load_step_modules
from behave.step_registry import registry

from environment.settings import REPO_ROOT
from environment.specification.requirements import read_specifications

FEATURES = sorted((REPO_ROOT / "features").rglob("*.feature"))
NESTED = sorted((REPO_ROOT / "fixtures" / "nested").glob("*.feature"))
STEP_MODULES = sorted((REPO_ROOT / "steps").glob("*.py"))
LONGEST_STEP = 12  # lines below the docstring


@pytest.fixture(scope="session", autouse=True)
def _steps() -> None:
    if not any(registry.steps.values()):
        load_step_modules([str(REPO_ROOT / "steps")])


def parsed(path: Path) -> Feature:
    feature = parse_file(str(path))
    assert feature is not None, f"{path} is empty"
    return feature


@pytest.mark.parametrize("path", FEATURES + NESTED, ids=lambda path: path.stem)
def test_every_step_is_defined(path: Path) -> None:
    undefined = [
        step.name
        for scenario in parsed(path).walk_scenarios()
        for step in scenario.all_steps
        if registry.find_step_definition(step) is None
    ]
    assert undefined == []


def test_requirements_of_this_stage_are_tagged() -> None:
    tags = {
        tag
        for path in FEATURES
        for scenario in parsed(path).walk_scenarios()
        for tag in scenario.effective_tags
    }
    wanted = {f"fr-{number:03}" for number in (*range(1, 20), *range(30, 34))}
    wanted |= {f"sc-{number:03}" for number in range(1, 6)}
    assert wanted - tags == set()


def test_stories_bear_specification_story_and_priority() -> None:
    specification = {spec.folder: spec.tag for spec in read_specifications()}
    for path in FEATURES:
        story = path.stem.split("_")[0]
        if story.startswith("us"):
            tags = parsed(path).tags
            assert {specification[path.parent.name], story} <= set(tags)
            assert {"p1", "p2", "p3"} & set(tags)


def test_acceptance_scenarios_have_one_given_when_and_then_each() -> None:
    for path in FEATURES:
        for scenario in parsed(path).walk_scenarios():
            if path.stem.startswith("us"):
                kinds = [kind for kind, _ in itertools.groupby(s.step_type for s in scenario.steps)]
                assert kinds == ["given", "when", "then"], scenario.name


@pytest.mark.parametrize("path", STEP_MODULES, ids=lambda path: path.stem)
def test_steps_are_thin(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            first, last = node.body[1], node.body[-1]
            lines = (last.end_lineno or last.lineno) - first.lineno + 1
            assert lines <= LONGEST_STEP, f"{node.name} has {lines} lines"
