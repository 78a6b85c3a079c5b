"""Old versions of our images go, but those in use, and the newest few."""

from typing import Any

from environment.provision.superseded import remove_superseded
from tests.environment.fake_engine import FakeEngine


def test_all_but_the_newest_are_removed() -> None:
    engine: Any = FakeEngine("a:1", "a:2", "b:1", "a:3", "a:4")
    assert remove_superseded(engine, "a", keep=2) == ["a:2", "a:1"]
    assert set(engine.images_by_name) == {"b:1", "a:3", "a:4"}


def test_what_a_container_uses_stays() -> None:
    engine: Any = FakeEngine("a:1", "a:2", "a:3")
    engine.in_use = {"a:1"}
    assert remove_superseded(engine, "a", keep=1) == ["a:2"]
    assert "a:1" in engine.images_by_name


def test_what_was_tagged_of_late_stays() -> None:
    engine: Any = FakeEngine("a:1", "a:2", "a:3")
    engine.year = 9001
    assert remove_superseded(engine, "a", keep=1) == []
