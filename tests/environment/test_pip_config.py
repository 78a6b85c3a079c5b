from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from environment.provision.pip_config import (
    CA_IN_CONTAINER,
    CONFIG_IN_CONTAINER,
    PipConfig,
    translate,
)


def config_of(handed_in: PipConfig) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    parser.read_string(handed_in.files[CONFIG_IN_CONTAINER].decode())
    return {section: dict(parser[section]) for section in parser.sections()}


def test_options_keep_their_section() -> None:
    handed_in = translate(
        {"global.index-url": "https://index.example/simple", "wheel.no-binary": "av"}, {}
    )
    assert config_of(handed_in) == {
        "global": {"index-url": "https://index.example/simple"},
        "wheel": {"no-binary": "av"},
    }


def test_an_option_of_several_lines_survives() -> None:
    handed_in = translate({"global.find-links": "https://a.example/\nhttps://b.example/"}, {})
    value = config_of(handed_in)["global"]["find-links"]
    assert value.split() == ["https://a.example/", "https://b.example/"]


def test_what_only_concerns_the_host_stays_there(tmp_path: Path) -> None:
    handed_in = translate(
        {"global.cache-dir": "/home/me/.cache", "global.user": "true"},
        {"PIP_CACHE_DIR": "/x", "PIP_REQUIRE_VIRTUALENV": "1", "PIP_TARGET": "/y", "HOME": "/z"},
    )
    assert config_of(handed_in) == {}
    assert not {"PIP_CACHE_DIR", "PIP_REQUIRE_VIRTUALENV", "PIP_TARGET", "HOME"} & set(
        handed_in.environment
    )


def test_pip_variables_and_proxies_are_handed_in() -> None:
    given = {"PIP_INDEX_URL": "https://i.example/", "https_proxy": "http://p:1", "LANG": "C"}
    environment = translate({}, given).environment
    assert environment["PIP_INDEX_URL"] == "https://i.example/"
    assert environment["https_proxy"] == "http://p:1"
    assert "LANG" not in environment


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_folder_of_wheels_is_shown_at_its_own_path(tmp_path: Path, form: str) -> None:
    handed_in = translate({"global.find-links": form.format(tmp_path)}, {})
    assert handed_in.folders == (tmp_path,)
    assert config_of(handed_in)["global"]["find-links"] == form.format(tmp_path)


def test_of_a_local_index_the_files_beside_it_are_shown_too(tmp_path: Path) -> None:
    (tmp_path / "simple").mkdir()
    handed_in = translate({}, {"PIP_EXTRA_INDEX_URL": f"file://{tmp_path}/simple"})
    assert handed_in.folders == (tmp_path,)


def test_a_folder_that_is_gone_is_left_out(tmp_path: Path) -> None:
    assert translate({"global.find-links": str(tmp_path / "gone")}, {}).folders == ()


def test_the_certificates_of_the_host_are_trusted_inside(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.write_text("own authority")
    handed_in = translate({"global.cert": str(bundle)}, {})
    assert handed_in.files[CA_IN_CONTAINER] == b"own authority"
    assert handed_in.environment["PIP_CERT"] == CA_IN_CONTAINER
    assert "cert" not in config_of(handed_in).get("global", {})


def test_pips_own_variable_wins_over_its_files(tmp_path: Path) -> None:
    for name in ("env", "file"):
        (tmp_path / name).write_text(name)
    handed_in = translate(
        {"global.cert": str(tmp_path / "file")}, {"PIP_CERT": str(tmp_path / "env")}
    )
    assert handed_in.files[CA_IN_CONTAINER] == b"env"


def test_a_constraints_file_is_copied(tmp_path: Path) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("numpy==2.4.6\n")
    handed_in = translate({}, {"PIP_CONSTRAINT": str(constraints)})
    assert handed_in.files[str(constraints)] == b"numpy==2.4.6\n"
