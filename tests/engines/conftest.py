"""The engines that every test here is held against: those of ``--profile``, loaded once.

    python -m pytest tests/engines --profile pocket

Settings of sts-service apply: ``ASR_MODEL`` and its like put another engine or model to the test.
"""

import os
from collections.abc import Iterator

import pytest

from sts_service.engines.registry import PROFILES, Engines, Selection, load
from sts_service.library_environment import prepare_environment
from sts_service.settings import Settings

LOADING_TIMEOUT_S = 300


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--profile", choices=sorted(PROFILES), default="embedded", help="the engines to test"
    )


def pytest_configure(config: pytest.Config) -> None:
    # Before any engine's library is imported, as in the service.
    prepare_environment()
    config.addinivalue_line("markers", "only_for(provider): a test of that engine alone")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = PROFILES[str(config.getoption("--profile", default="embedded"))].choices().values()
    providers = {choice.provider for choice in chosen}
    others = [
        item
        for item in items
        if (mark := item.get_closest_marker("only_for")) and not {*mark.args} & providers
    ]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]
    for item in items:
        item.add_marker(pytest.mark.timeout(LOADING_TIMEOUT_S))


@pytest.fixture(scope="session")
def profile(request: pytest.FixtureRequest) -> str:
    """The profile under test; a run of all the tests, which knows no option, is on embedded."""
    return str(request.config.getoption("--profile", default="embedded"))


@pytest.fixture(scope="session")
def selection(profile: str) -> Selection:
    # The environment says which models; the option says which profile.
    os.environ["STS_PROFILE"] = profile
    return Settings().selection


@pytest.fixture(scope="session")
def engines(selection: Selection) -> Iterator[Engines]:
    loaded = load(selection)
    yield loaded
    loaded.close()
