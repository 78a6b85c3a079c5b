"""docs/configuration.md is current, and says what the settings hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from environment import configuration
from environment.configuration import PAGE, SECTIONS, render, values
from environment.settings import REPO_ROOT, Settings


def test_docs_configuration_is_current() -> None:
    remedy = "`python -m environment.configuration` writes it anew"
    assert PAGE.read_text() == render(), remedy


def test_every_variable_is_explained_once_and_in_a_section() -> None:
    named = re.findall(r"^\| `([A-Z0-9_]+)` \|", render(), re.MULTILINE)
    assert named == [name.upper() for name in Settings.model_fields]
    assert next(iter(Settings.model_fields)) in SECTIONS
    assert set(SECTIONS) <= set(Settings.model_fields)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("mediamtx_rtmp_port", "a whole number, at least 1, at most 65535"),
        ("e2e_timeout_multiplier", "a number, above 0, at most 100"),
        ("e2e_dynamic_ports", "`0` or `1`"),
        ("sts_service_url", "a URL, `http://` or `https://`"),
        ("ingest_protocol", "`rtmp`, `rtsp`"),
        ("sts_api_key", "text"),
    ],
)
def test_says_what_a_variable_may_hold(field: str, words: str) -> None:
    assert values(Settings.model_fields[field]) == words


def test_check_notices_a_page_that_is_not_current(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "configuration.md"
    monkeypatch.setattr(configuration, "PAGE", page)
    assert configuration.main(["--check"]) == 1
    assert configuration.main([]) == 0
    assert configuration.main(["--check"]) == 0
    page.write_text(page.read_text().replace("1935", "1936"))
    assert configuration.main(["--check"]) == 1


def test_the_readme_leads_to_the_page() -> None:
    assert "(docs/configuration.md)" in (REPO_ROOT / "README.md").read_text()
