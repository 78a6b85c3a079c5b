"""The configuration: the repository's own, and what is wrong with a bad one."""

from pathlib import Path

import pytest

from media_server import config
from media_server.auth import Action, Credentials, authorize
from media_server.config import Address, ConfigError

REPOSITORY = Path(__file__).parents[2]


def test_the_repositorys_configuration_says_what_the_system_relies_on() -> None:
    loaded = config.load(REPOSITORY / "services/mediamtx/mediamtx.yml")
    assert loaded.read_timeout_s == 60
    assert (loaded.rtmp_address, loaded.api_address) == (Address("", 1935), Address("", 9997))
    assert loaded.api
    for action in Action:
        authorize(loaded.users, Credentials(), action, "live/x/in")
    recorded, others = loaded.paths
    assert (recorded.name, recorded.record) == ("~^live/.+/(in|out)$", True)
    assert recorded.record_path.startswith("/recordings/%path/")
    assert (others.name, others.record) == ("all_others", False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "mediamtx.yml"),
        ("- a", "not a mapping"),
        ("api: maybe", "api: 'maybe' is neither true nor false"),
        ("rtmpAddress: here", "rtmpAddress: 'here' is not an address"),
        ("rtmpAddress: :99999", "rtmpAddress"),
        ("readTimeout: 10 apples", "readTimeout"),
        ("logLevel: [info]", "logLevel: is not a string"),
        ("pathDefaults: {record: 1}", "pathDefaults.record"),
        ("paths: [a]", "paths: is not a mapping"),
        ("paths: {'~(': {}}", r"no regular expression"),
        ("authInternalUsers: any", "authInternalUsers: is not a list"),
        ("authInternalUsers: [{permissions: [{action: read, path: '~('}]}]", "expression"),
    ],
)
def test_a_bad_value_is_named(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "mediamtx.yml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=said.replace("[", r"\[")):
        config.load(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yml"):
        config.load(tmp_path / "none.yml")


def test_an_empty_file_gives_the_defaults_and_no_path(tmp_path: Path) -> None:
    file = tmp_path / "mediamtx.yml"
    file.write_text("")
    loaded = config.load(file)
    assert loaded.paths == ()
    assert loaded.read_timeout_s == 10


def test_durations_may_have_several_units(tmp_path: Path) -> None:
    file = tmp_path / "mediamtx.yml"
    file.write_text("readTimeout: 1m30s")
    assert config.load(file).read_timeout_s == 90
