"""What stands in the way of another run: its settings, and that all of it is tried."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from environment.runs.obstacles import OBSTACLES, fixed_ports, one_port_for_both
from environment.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]


def test_every_obstacle_is_tried_and_every_one_tried_is_known() -> None:
    text = (ROOT / "features" / "production" / "obstacles.feature").read_text()
    rows = re.findall(r"^ +\| ([^|]+?) +\| +\d+ ", text, flags=re.M)
    named = re.findall(r"is started, though ([^<\n]+)$", text, flags=re.M)
    assert {*rows, *named} == set(OBSTACLES)


def test_ports_that_are_told_are_kept_and_the_others_differ() -> None:
    ports = fixed_ports(STS_PORT=4711)
    assert ports["E2E_DYNAMIC_PORTS"] == "0"
    assert ports["STS_PORT"] == "4711"
    assert len(set(ports.values())) == 6


def test_one_port_for_both_is_one_that_the_settings_take_for_a_mistake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nobody: Any = SimpleNamespace()
    with one_port_for_both(nobody, "nested-7-passes") as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        settings = load_settings()
    both = settings.port_variables(settings.sts_port)
    assert both == ("MEDIA_SERVICE_PORT", "STS_PORT")
