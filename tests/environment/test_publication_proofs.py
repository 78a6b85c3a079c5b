"""What the proofs about publishing accept, and each kind of harm that they refuse."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from environment.errors import WaitTimeout
from environment.expectations import ExpectationFailed
from environment.proofs import publication_proofs as proofs
from environment.runs import fixture_trial
from environment.runs.fixture_trial import FixtureTrial, Moment, try_fixture
from environment.runs.nested_tests import PublishedByTest
from environment.runs.process_table import Process
from environment.runs.publisher import Publication
from environment.settings import Settings
from environment.stack.topology import Topology
from fixtures.catalogue import STREAMS_FOLDER
from fixtures.sidecar import read_sidecar, write_sidecar

CLIP = STREAMS_FOLDER / "30s-english-counting.mp4"
URL = "rtmp://localhost:1935/live/a/in"
OURS = Process(7, 1, ("ffmpeg", URL))


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The counting clip with its description, to be harmed."""
    for path in (CLIP, CLIP.with_suffix(".json")):
        shutil.copy(path, tmp_path)
    return tmp_path / CLIP.name


def test_the_committed_clip_is_known() -> None:
    proofs.prove_known_clip(CLIP, 30)
    proofs.prove_counts(CLIP, 30)


def test_another_clip_than_the_described_one_is_refused(copied: Path) -> None:
    with copied.open("ab") as clip:
        clip.write(b"\0")
    with pytest.raises(ExpectationFailed, match="SHA-256"):
        proofs.prove_known_clip(copied, 30)


def test_a_clip_of_another_length_is_refused() -> None:
    with pytest.raises(ExpectationFailed, match="29 s"):
        proofs.prove_known_clip(CLIP, 29)


def test_a_clip_that_counts_otherwise_is_refused(copied: Path) -> None:
    said = read_sidecar(copied)
    write_sidecar(copied, said.model_copy(update={"words": said.words[::-1]}))
    with pytest.raises(ExpectationFailed, match="numbers from one to 30"):
        proofs.prove_counts(copied, 30)
    late = tuple(
        word.model_copy(update={"start_s": word.start_s + 1, "end_s": word.end_s + 1})
        for word in said.words
    )
    write_sidecar(copied, said.model_copy(update={"words": late}))
    with pytest.raises(ExpectationFailed, match="its own second"):
        proofs.prove_counts(copied, 30)


class Published:
    """A publication that is active so many seconds after its start."""

    path = "live/a/in"
    started_at = 100.0

    def __init__(self, after_s: float) -> None:
        self.after_s = after_s

    def wait_active(self, timeout_s: float) -> float:
        return self.started_at + self.after_s


def test_two_seconds_are_two_seconds() -> None:
    in_time, late = (cast("Publication", Published(after_s)) for after_s in (1.9, 2.1))
    assert proofs.prove_active_within(in_time, 2, timeout_s=10) == pytest.approx(1.9)
    with pytest.raises(ExpectationFailed, match=r"after 2\.10 s"):
        proofs.prove_active_within(late, 2, timeout_s=10)


ITEM = {"ready": True, "tracks": ["H264", "MPEG-4 Audio"], "source": {"type": "rtmpConn"}}


def test_tracks_by_either_name_are_accepted() -> None:
    newer = {
        "available": True,
        "tracks2": [{"codec": "H264"}, {"codec": "MPEG-4 Audio"}],
        "source": {"type": "rtmpConn"},
    }
    for item in (ITEM, newer):
        proofs.prove_tracks(item, "live/a/in")


@pytest.mark.parametrize(
    "item",
    [
        None,
        ITEM | {"ready": False},
        ITEM | {"tracks": ["H264"]},
        ITEM | {"tracks": ["H265", "MPEG-4 Audio"]},
        ITEM | {"tracks": ["H264", "MPEG-4 Audio", "MPEG-4 Audio"]},
        ITEM | {"source": {"type": "rtspSession"}},
    ],
)
def test_other_tracks_are_refused(item: dict[str, Any] | None) -> None:
    with pytest.raises(ExpectationFailed, match="MPEG-4 Audio"):
        proofs.prove_tracks(item, "live/a/in")


def test_the_same_media_is_what_ffprobe_sees(tmp_path: Path) -> None:
    other = STREAMS_FOLDER.parents[1] / "tests/measuring/data/spanish_1_to_18.mp4"
    proofs.prove_same_media(CLIP, str(CLIP))
    with pytest.raises(ExpectationFailed, match="the media of"):
        proofs.prove_same_media(CLIP, str(other))


GOOD = FixtureTrial(
    path="live/a/in",
    url=URL,
    pid=7,
    begun=Moment((OURS,), ready=True, received_bytes=10),
    later=Moment((OURS,), ready=True, received_bytes=20),
    over=Moment((), ready=True, received_bytes=20),
    path_gone_s=0.2,
)


def all_of(trial: FixtureTrial) -> None:
    proofs.prove_process_started(trial)
    proofs.prove_stream_published(trial)
    proofs.prove_control_yielded(trial)
    proofs.prove_torn_down(trial, 5)


def test_a_good_fixture_is_accepted() -> None:
    all_of(GOOD)


@pytest.mark.parametrize(
    ("trial", "message"),
    [
        (replace(GOOD, begun=Moment((), True, 10)), "one ffmpeg"),
        (replace(GOOD, begun=Moment((replace(OURS, pid=8),), True, 10)), "process 7"),
        (replace(GOOD, begun=Moment((OURS,), False, 10)), "readable on the media server"),
        (replace(GOOD, later=Moment((OURS,), True, 10)), "while the test has control"),
        (replace(GOOD, later=Moment((), True, 20)), "while the test has control"),
        (replace(GOOD, over=Moment((OURS,), False, 20)), "no ffmpeg"),
        (replace(GOOD, path_gone_s=5.1), "gone after 5.10 s"),
    ],
)
def test_a_bad_fixture_is_refused(trial: FixtureTrial, message: str) -> None:
    with pytest.raises(ExpectationFailed, match=message):
        all_of(trial)


class FakeServer:
    """A stack and its media server: a stream that grows while it is published."""

    settings = Settings()
    stays = False

    def __init__(self) -> None:
        self.on_the_air = False
        self.count = 0

    @property
    def media_server(self) -> FakeServer:
        return self

    def path(self, name: str) -> dict[str, Any] | None:
        self.count += 100
        shown = self.on_the_air or self.stays
        return {"name": name, "ready": True, "bytesReceived": self.count} if shown else None


class FakePublication:
    path, url, pid = "live/a/in", URL, 7


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    made = FakeServer()
    monkeypatch.setattr(
        fixture_trial, "publishers", lambda: [OURS] if made.on_the_air else [replace(OURS, pid=9)]
    )
    monkeypatch.setattr(fixture_trial, "GONE_TIMEOUT_S", 0.2)
    return made


def tried(server: FakeServer) -> FixtureTrial:
    @contextmanager
    def layer() -> Iterator[None]:
        yield
        server.on_the_air = False

    def set_up() -> Publication:
        server.on_the_air = True
        return cast("Publication", FakePublication())

    return try_fixture(cast("Topology", server), layer(), set_up)


def test_a_trial_sees_a_fixture_before_and_behind_its_teardown(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fixture_trial, "publishers", lambda: [OURS] if server.on_the_air else [])
    trial = tried(server)
    all_of(trial)
    assert (trial.begun.processes, trial.over.processes) == ((OURS,), ())
    assert trial.later.received_bytes > trial.begun.received_bytes


def test_a_fixture_that_leaves_its_ffmpeg_is_seen(server: FakeServer) -> None:
    with pytest.raises(ExpectationFailed, match="no ffmpeg"):
        proofs.prove_torn_down(tried(server), 5)


def test_a_stream_that_stays_is_seen(server: FakeServer) -> None:
    server.stays = True
    with pytest.raises(WaitTimeout, match="gone after the teardown"):
        tried(server)


FIRST = PublishedByTest("a", "live/a-1/in", 7, started_at=1, active_at=2, ended_at=3)
SECOND = PublishedByTest("b", "live/b-2/in", 8, started_at=4, active_at=5, ended_at=6)
URLS = {7: "rtmp://h/live/a-1/in", 8: "rtmp://h/live/b-2/in"}


def test_one_after_another_is_accepted() -> None:
    proofs.prove_one_after_another([FIRST, SECOND], most_at_once=1, left=[])
    proofs.prove_fresh_streams([FIRST, SECOND], ["a", "b"], URLS)


@pytest.mark.parametrize(
    "prove",
    [
        lambda: proofs.prove_one_after_another([FIRST], most_at_once=1, left=[]),
        lambda: proofs.prove_one_after_another(
            [replace(FIRST, ended_at=5), SECOND], most_at_once=1, left=[]
        ),
        lambda: proofs.prove_one_after_another(
            [FIRST, replace(SECOND, ended_at=None)], most_at_once=1, left=[]
        ),
        lambda: proofs.prove_one_after_another([FIRST, SECOND], most_at_once=2, left=[]),
        lambda: proofs.prove_one_after_another([FIRST, SECOND], most_at_once=0, left=[]),
        lambda: proofs.prove_one_after_another([FIRST, SECOND], most_at_once=1, left=[7]),
    ],
    ids=["one", "overlapping", "endless", "two at once", "never seen", "left"],
)
def test_a_conflict_is_refused(prove: Callable[[], None]) -> None:
    with pytest.raises(ExpectationFailed, match="one stream after another"):
        prove()


@pytest.mark.parametrize(
    ("second", "tests", "urls"),
    [
        (replace(SECOND, path=FIRST.path), ["a", "b"], URLS),
        (SECOND, ["a", "b", "c"], URLS),
        (replace(SECOND, active_at=None), ["a", "b"], URLS),
        (SECOND, ["a", "b"], {7: URLS[7]}),
        (SECOND, ["a", "b"], {7: URLS[7], 8: URLS[7]}),
    ],
    ids=["same name", "one without", "never active", "no process", "elsewhere"],
)
def test_a_stream_that_is_not_fresh_is_refused(
    second: PublishedByTest, tests: list[str], urls: dict[int, str]
) -> None:
    with pytest.raises(ExpectationFailed, match="of its own for each"):
        proofs.prove_fresh_streams([FIRST, second], tests, urls)


def test_alone_is_alone() -> None:
    proofs.prove_alone("live/a/in", ["live/old/out", "live/a/in"], [URL])
    for ready, publishing in (
        (["live/a/in", "live/old/in"], [URL]),
        ([], [URL]),
        (["live/a/in"], [URL, URL]),
        (["live/a/in"], []),
        (["live/a/in"], ["rtmp://h/live/old/in"]),
    ):
        with pytest.raises(ExpectationFailed, match="nothing else published"):
            proofs.prove_alone("live/a/in", ready, publishing)
