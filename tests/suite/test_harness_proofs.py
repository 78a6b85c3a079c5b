"""Proofs about order, freshness, evidence and readiness: what each accepts, what it refuses."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from environment.errors import HarnessError
from environment.expectations import ExpectationFailed
from environment.measuring.listening import Reading, Text
from environment.proofs import freshness_proofs, readiness_proofs
from environment.proofs.conversation_proofs import OF_A_FRAGMENT, out_of_turn, prove_in_turn
from environment.proofs.endpoints import Answer
from environment.proofs.evidence_proofs import prove_logs_kept
from environment.proofs.freshness_proofs import prove_made_now
from environment.proofs.readiness_proofs import prove_says_not_ready
from environment.proofs.spoken import Heard

WHOLE = [
    "media stream:init",
    "sts stream:ready",
    *[f"{name} #a" for name in OF_A_FRAGMENT],
    *[f"{name} #b" for name in OF_A_FRAGMENT],
    "media stream:end",
    "sts stream:complete",
]


def seen(words: str) -> Any:
    """``sender event [status] [#fragment]`` as an observation."""
    sender, event, *more = words.split()
    payload = {}
    for word in more:
        key, value = ("fragment_id", word[1:]) if word.startswith("#") else ("status", word)
        payload[key] = value
    return SimpleNamespace(event=SimpleNamespace(sender=sender, event=event), payload=payload)


def faults(words: list[str]) -> list[str]:
    return out_of_turn([seen(each) for each in words])


def swapped(one: int, other: int) -> list[str]:
    changed = list(WHOLE)
    changed[one], changed[other] = changed[other], changed[one]
    return changed


def test_a_conversation_in_turn_is_accepted() -> None:
    assert faults(WHOLE) == []


def test_fragments_may_overlap() -> None:
    a, b = WHOLE[2:8], WHOLE[8:14]
    mixed = [each for pair in zip(a, b, strict=True) for each in pair]
    assert faults([*WHOLE[:2], *mixed, *WHOLE[14:]]) == []


@pytest.mark.parametrize(
    ("one", "other", "named"),
    [
        (0, 1, "stream:ready came where media stream:init"),
        (1, 2, "fragment:data came where sts stream:ready"),
        (4, 5, "fragment 0: sts fragment:processed came before sts fragment:ack processing"),
        (6, 7, "fragment 0: media fragment:ack applied came before"),
        (14, 15, "the stream: sts stream:complete came before media stream:end"),
        (11, 15, "sts stream:complete came before the last answer"),
    ],
)
def test_every_exchange_of_two_events_is_noticed(one: int, other: int, named: str) -> None:
    assert any(named in fault for fault in faults(swapped(one, other)))


def test_a_conversation_without_an_event_is_refused() -> None:
    run = cast("Any", SimpleNamespace(events=(), folder=Path()))
    with pytest.raises(ExpectationFailed):
        prove_in_turn(run)


@pytest.fixture
def recorded(tmp_path: Path) -> Any:
    for name in ("source.flv", "output.flv"):
        (tmp_path / name).write_bytes(name.encode())
    return SimpleNamespace(
        published_at=100.0,
        path_in="live/a/in",
        path_out="live/a/out",
        source=tmp_path / "source.flv",
        output=tmp_path / "output.flv",
        folder=tmp_path,
    )


def holding(content: dict[str, bytes]) -> Callable[..., Path]:
    def fetch(_stack: object, path: str, destination: Path, **_more: object) -> Path:
        if path not in content:
            raise HarnessError("no recording")
        destination.write_bytes(content[path])
        return destination

    return fetch


RECORDINGS = {"live/a/in": b"source.flv", "live/a/out": b"output.flv"}


@pytest.mark.parametrize(
    ("since", "held", "accepted"),
    [
        (99.0, RECORDINGS, True),
        (101.0, RECORDINGS, False),
        (99.0, RECORDINGS | {"live/a/out": b"of another run"}, False),
        (99.0, {"live/a/in": b"source.flv"}, False),
    ],
    ids=["this run's", "older than this run", "another output", "unknown to the media server"],
)
def test_only_a_run_of_this_session_is_accepted(
    recorded: Any,
    monkeypatch: pytest.MonkeyPatch,
    since: float,
    held: dict[str, bytes],
    accepted: bool,
) -> None:
    monkeypatch.setattr(freshness_proofs, "fetch_recording", holding(held))
    stack = cast("Any", SimpleNamespace())
    if accepted:
        prove_made_now(recorded, stack, since=since)
    else:
        with pytest.raises(ExpectationFailed):
            prove_made_now(recorded, stack, since=since)


def test_logs_of_every_container_must_be_there(tmp_path: Path) -> None:
    run, scenario = tmp_path / "20260101-000000-000", "a-scenario"
    (run / scenario).mkdir(parents=True)
    (tmp_path / "latest").symlink_to(run.name)
    with pytest.raises(ExpectationFailed):
        prove_logs_kept(tmp_path, {"one", "two"})
    (run / scenario / "one.log").write_text("said")
    (run / scenario / "two.log").touch()
    with pytest.raises(ExpectationFailed, match="two"):
        prove_logs_kept(tmp_path, {"one", "two"})
    (run / scenario / "two.log").write_text("said")
    prove_logs_kept(tmp_path, {"one", "two"})


@pytest.mark.parametrize(
    ("ready", "health", "accepted"), [(503, 200, True), (200, 200, False), (503, 503, False)]
)
def test_ready_must_follow_the_peers_and_health_must_not(
    monkeypatch: pytest.MonkeyPatch, ready: int, health: int, accepted: bool
) -> None:
    def ask(url: str) -> Answer:
        return Answer(url, ready if url.endswith("/ready") else health, {}, 0.0)

    monkeypatch.setattr(readiness_proofs, "ask", ask)
    service = cast(
        "Any", SimpleNamespace(name="s", health_path="/health", url=lambda path: f"http://s{path}")
    )
    if accepted:
        prove_says_not_ready(service, without="p", timeout_s=0.2)
    else:
        with pytest.raises(ExpectationFailed):
            prove_says_not_ready(service, without="p", timeout_s=0.2)


@pytest.mark.parametrize(
    ("scores", "right"),
    [((-100.0, -115.0), True), ((-100.0, -103.0), False), ((-103.0, -100.0), False)],
    ids=["clearly first", "a hair ahead", "second"],
)
def test_a_dub_must_say_its_text_clearly_better_than_any_other(
    scores: tuple[float, float], right: bool
) -> None:
    texts = (Text("es", "uno dos"), Text("en", "one two"))
    assert Heard(0, texts, 0, Reading(scores)).right is right
