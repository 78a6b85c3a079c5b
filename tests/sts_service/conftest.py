"""What several tests of sts-service share: engines, real and fake."""

from collections.abc import Iterator

import pytest

from sts_service.engines.registry import PROFILES, Choice, Engines, Selection, load

FAKES = Selection(
    profile="fake",
    asr=Choice("tests.sts_service.fake_asr"),
    translation=Choice("tests.sts_service.fake_translation"),
    tts=Choice("tests.sts_service.fake_tts"),
)


@pytest.fixture(scope="session")
def embedded() -> Iterator[Engines]:
    """The engines of the embedded profile, loaded once."""
    engines = load(PROFILES["embedded"])
    yield engines
    engines.close()


@pytest.fixture(scope="session")
def fakes() -> Iterator[Engines]:
    """Fast engines that share the real ones' contract."""
    engines = load(FAKES)
    yield engines
    engines.close()


@pytest.fixture(scope="session", params=["embedded", "fakes"])
def engines(request: pytest.FixtureRequest) -> Engines:
    """Every set of engines: what all of them must do."""
    loaded = request.getfixturevalue(request.param)
    assert isinstance(loaded, Engines)
    return loaded
