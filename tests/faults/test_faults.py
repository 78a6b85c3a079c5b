"""The faults: each does what it says, once, and is undone whatever happens."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from environment.errors import HarnessError
from environment.faults.disk import full_disk
from environment.faults.ledger import Faults
from environment.faults.outages import OUTAGES, container_named, outage_named, throttled
from environment.faults.remade import with_small_disk, with_variables
from environment.stack.topology import discard_event

if TYPE_CHECKING:
    from collections.abc import Iterator


class Container:
    """A container that notes what it is asked to do."""

    def __init__(self, name: str = "sts-service") -> None:
        self.name = f"{name}-x"
        self.status = "running"
        self.asked: list[str] = []
        self.spec: Any = SpecInMemory()
        self.filled = True

    def __getattr__(self, verb: str) -> Any:
        if verb.startswith("_"):
            raise AttributeError(verb)

        def note(*arguments: object) -> int:
            self.asked.append(" ".join([verb, *map(str, arguments)]))
            if verb in {"stop", "kill"}:
                self.status = "exited"
            return 0

        return note

    def exec(self, *argv: str) -> Any:
        self.asked.append(argv[0])
        said = "dd: No space left on device" if self.filled else ""
        return SimpleNamespace(exit_code=1, output=said)

    def remake(self, spec: Any) -> None:
        self.asked.append("remake")
        self.spec = spec

    def remove(self) -> None:
        self.asked.append("remove")


@dataclass(frozen=True)
class SpecInMemory:
    environment: dict[str, str] = field(default_factory=lambda: {"PORT": "3000", "HOST": "x"})
    tmpfs: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, str] = field(default_factory=lambda: {"kept": "/data", "other": "/x"})
    aliases: tuple[str, ...] = ("sts",)


@pytest.fixture
def container() -> Any:
    return Container()


@pytest.fixture
def stack(container: Any) -> Any:
    media = Container("e2e-media-service")
    return SimpleNamespace(containers={"sts-service": container}, media_service=media)


@contextmanager
def noted(calls: list[str], name: str) -> Iterator[str]:
    calls.append(f"{name} in")
    try:
        yield name
    finally:
        calls.append(f"{name} out")


def test_what_was_not_undone_is_undone_with_the_scenario_the_last_first() -> None:
    calls: list[str] = []
    events: list[str] = []

    def tell(event: str, /, **_fields: object) -> None:
        events.append(event)

    cleanup = ExitStack()
    faults = Faults(cleanup, on_event=tell)
    assert faults.inflict("a", noted(calls, "a")) == "a"
    faults.inflict("b", noted(calls, "b"))
    faults.inflict("c", noted(calls, "c"))
    faults.undo("b")
    assert faults.present == ("a", "c")
    cleanup.close()
    assert calls == ["a in", "b in", "c in", "b out", "c out", "a out"]
    assert not faults.present
    assert events.count("fault_undone") == 3


def test_a_fault_can_come_again_once_it_was_undone_and_not_before() -> None:
    calls: list[str] = []
    with ExitStack() as cleanup:
        faults = Faults(cleanup, on_event=discard_event)
        faults.inflict("a", noted(calls, "a"))
        with pytest.raises(HarnessError, match="already the fault: a"):
            faults.inflict("a", noted(calls, "a"))
        faults.undo("a")
        with pytest.raises(HarnessError, match="no such fault: a"):
            faults.undo("a")
        faults.inflict("a", noted(calls, "a"))
    assert calls == ["a in", "a out"] * 2


def test_all_that_begin_alike_are_undone_together_and_one_has_to_be_there() -> None:
    calls: list[str] = []
    with ExitStack() as cleanup:
        faults = Faults(cleanup, on_event=discard_event)
        faults.inflict("x is away", noted(calls, "a"))
        faults.inflict("y is away", noted(calls, "b"))
        faults.undo_all("x is ")
        assert faults.present == ("y is away",)
        with pytest.raises(HarnessError, match="no such fault: x is"):
            faults.undo_all("x is ")


def test_a_fault_that_did_not_come_about_is_not_there() -> None:
    @contextmanager
    def refused() -> Iterator[None]:
        raise HarnessError("it does not break")
        yield

    with ExitStack() as cleanup:
        faults = Faults(cleanup, on_event=discard_event)
        with pytest.raises(HarnessError, match="does not break"):
            faults.inflict("a", refused())
        assert faults.present == ()


def test_an_undoing_that_fails_keeps_the_others_from_nothing() -> None:
    calls: list[str] = []

    @contextmanager
    def broken() -> Iterator[None]:
        yield
        raise RuntimeError("it does not come back")

    cleanup = ExitStack()
    faults = Faults(cleanup, on_event=discard_event)
    faults.inflict("a", noted(calls, "a"))
    faults.inflict("broken", broken())
    with pytest.raises(RuntimeError, match="does not come back"):
        cleanup.close()
    assert calls == ["a in", "a out"]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("stopped", ["stop"]),
        ("killed", ["kill"]),
        ("paused", ["pause"]),
        ("cut off", ["disconnect"]),
        ("restarted", ["restart"]),
    ],
)
def test_each_outage_begins_and_is_undone(container: Any, name: str, asked: list[str]) -> None:
    with outage_named(name)(container):
        assert container.asked == asked
    assert container.asked[1:] == ([] if name == "restarted" else ["restore"])
    assert set(OUTAGES) == {"stopped", "killed", "paused", "cut off", "restarted"}


def test_a_throttled_container_gets_all_processors_back(container: Any) -> None:
    with throttled(container, 0.2):
        pass
    assert container.asked == ["limit_processors 0.2", "limit_processors None"]


def test_unknown_words_name_those_that_are_known(stack: Any) -> None:
    with pytest.raises(HarnessError, match=r"stopped, killed, paused"):
        outage_named("bent")
    with pytest.raises(HarnessError, match=r"there are sts-service"):
        container_named(stack, "sts2")
    assert container_named(stack, "sts") is container_named(stack, "sts-service")


def test_a_container_is_made_anew_with_other_variables_and_as_usual_afterwards(
    stack: Any, container: Any
) -> None:
    usual = container.spec
    with with_variables(stack, container, {"HOST": "y", "DEBUG_DELAY_S": "1"}):
        assert container.spec.environment == {"PORT": "3000", "HOST": "y", "DEBUG_DELAY_S": "1"}
        assert container.asked == ["remake", "wait_healthy"]
        assert stack.media_service.asked == ["wait_ready"]
    assert container.spec is usual
    assert container.asked[-1] == "remove"


def test_only_a_small_disk_of_its_own_is_ever_filled(stack: Any, container: Any) -> None:
    with pytest.raises(HarnessError, match="no disk of its own"), full_disk(container, "/data"):
        pass
    assert container.asked == []
    with with_small_disk(stack, container, "/data", 4096), full_disk(container, "/data"):
        assert container.spec.tmpfs == {"/data": "size=4096,uid=10001,gid=10001"}
        assert container.spec.volumes == {"other": "/x"}
        assert container.asked[-1] == "dd"
    assert container.asked[-2:] == ["rm", "remove"]


def test_a_disk_that_does_not_become_full_is_said(stack: Any, container: Any) -> None:
    container.filled = False
    with (
        with_small_disk(stack, container, "/data", 4096),
        pytest.raises(HarnessError, match="is not full"),
        full_disk(container, "/data"),
    ):
        pass
