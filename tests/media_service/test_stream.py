"""One stream's life, with a worker and an STS that do as the test says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer

from media_service.discovery import Discovery, PublishedPath
from media_service.http_api import HttpApi
from media_service.metrics import Metrics
from media_service.protocol import (
    Began,
    Command,
    Failed,
    Finished,
    Heartbeat,
    Hello,
    InputEnded,
    Message,
    Opened,
    OutputConnected,
    Publish,
    Read,
    Released,
    Result,
    SegmentCut,
    Stalled,
    Start,
    Stop,
)
from media_service.report import MAX_LISTED, SegmentReport, StsReport
from media_service.settings import Settings
from media_service.spool_names import CHECKPOINT, SOUND, segment_file
from media_service.spool_store import SpoolStore
from media_service.stream import DubbedStream
from media_service.stream_report import Recorder
from media_service.sts_client import StsClient
from media_service.sts_errors import (
    StsCircuitOpenError,
    StsError,
    StsTimeoutError,
    StsUnavailableError,
)
from media_service.sts_exchange import Fragment
from media_service.supervisor import MAX_PAST_STREAMS, Supervisor, stream_id_for
from media_service.worker_process import WorkerFrozenError, WorkerPool
from services.contracts import DubbedAudio, FragmentProcessed
from tests.media_service.left import SOURCE, leave_checkpoint


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media_service.stream.RESTART_PAUSE_S", 0.0)
    monkeypatch.setattr("media_service.stream_worker.READ_AGAIN_S", 0.0)


FROZEN = object()
Script = Sequence[Message | object]


def cut(number: int, *, tail: bool = False) -> SegmentCut:
    pcm = b"" if tail else b"\1\0" * (2 * 4800)
    return SegmentCut(number, 6.0 * number, 0.1, time.time(), tail, pcm)


def released(number: int, outcome: Any = "dubbed") -> Released:
    return Released(number, time.time(), outcome, 6.0 * number + 0.1, 4.0)


OPENING: Script = (
    Hello(7),
    Opened("h264", 64, 64, 30.0, "aac", 48_000, 2),
    Began(1001.0, 0.0, 0.3),
)


class FakeWorker:
    """Tells its script; a ``Released`` waits for the result of its segment."""

    def __init__(self, script: Script) -> None:
        self.pid = 7
        self.exit_code: int | None = None
        self.commands: list[Command] = []
        self.finished: Callable[[], None] = lambda: None
        self.needed: Command | None = None
        self.needed_before: dict[type[Message], type[Command]] = {}
        self._script = list(script)
        self._tails = {m.number for m in script if isinstance(m, SegmentCut) and m.tail}
        self._changed = asyncio.Condition()

    @property
    def results(self) -> dict[int, Result]:
        return {c.number: c for c in self.commands if isinstance(c, Result)}

    async def send(self, command: Command) -> None:
        async with self._changed:
            self.commands.append(command)
            self._changed.notify_all()

    async def receive(self) -> Message | None:
        if not self._script:
            return None
        message = self._script.pop(0)
        if self.needed is not None:
            async with asyncio.timeout(5), self._changed:
                await self._changed.wait_for(lambda: self.needed in self.commands)
        kind = self.needed_before.get(type(cast(Message, message)))
        if kind is not None:
            async with asyncio.timeout(5), self._changed:
                await self._changed.wait_for(
                    lambda: any(isinstance(c, kind) for c in self.commands)
                )
        if message is FROZEN:
            await asyncio.sleep(0.01)
            raise WorkerFrozenError
        if isinstance(message, Released) and message.number not in self._tails:
            number = message.number
            async with asyncio.timeout(5), self._changed:
                await self._changed.wait_for(lambda: number in self.results)
        if isinstance(message, Finished):
            self.finished()
        return cast(Message, message)

    def kill(self) -> None:
        self.exit_code = -9

    async def close(self) -> int:
        self.exit_code = self.exit_code or 0
        return self.exit_code


class FakeSts:
    """Stands for client and stream in one."""

    connected = True
    url = "http://sts"
    session = "s"

    def __init__(self, answer: Callable[[Fragment], FragmentProcessed]) -> None:
        self.given_up = asyncio.Event()
        self.report = StsReport(state="ready")
        self._answer = answer
        self.applied_ids: list[object] = []
        self.closed = False
        self.wait_from: tuple[int, asyncio.Event] | None = None
        self.cancelled: list[int] = []

    async def open_stream(self, _: str, **__: Any) -> FakeSts:
        return self

    async def dub(self, fragment: Fragment, *, within_s: float, **told: Any) -> FragmentProcessed:
        assert 29 < within_s <= 30
        told["sent"]()
        told["acked"]()
        if self.wait_from is not None and fragment.number >= self.wait_from[0]:
            try:
                await self.wait_from[1].wait()
            except asyncio.CancelledError:
                self.cancelled.append(fragment.number)
                raise
        return self._answer(fragment)

    async def applied(self, fragment_id: object) -> None:
        self.applied_ids.append(fragment_id)

    async def close(self) -> None:
        self.closed = True


def answer(fragment: Fragment, **changes: Any) -> FragmentProcessed:
    return FragmentProcessed.model_validate(
        {
            "fragment_id": fragment.fragment_id,
            "stream_id": "s",
            "sequence_number": fragment.number,
            "status": "success",
            "dubbed_audio": DubbedAudio.from_pcm(fragment.pcm, sample_rate_hz=48_000, channels=2),
            "transcript": "one",
            "translated_text": "uno",
            "processing_time_ms": 5,
            **changes,
        }
    )


class Trial:
    """One stream between fakes."""

    def __init__(
        self, *scripts: Script, answer: Callable[[Fragment], FragmentProcessed] = answer
    ) -> None:
        self.workers = [FakeWorker(script) for script in scripts]
        self.workers[-1].finished = self.source_ends
        self.metrics = Metrics()
        self.sts = FakeSts(answer)
        self._left = iter(self.workers)
        self._ends_with_first = False
        self.stream = DubbedStream(
            "a-1",
            SOURCE,
            settings=Settings(),
            sts=cast(StsClient, self.sts),
            metrics=self.metrics,
            workers=cast(WorkerPool, self),
            store=SpoolStore(Path(Settings().segment_dir), self.metrics),
        )

    def source_ends(self) -> None:
        self.stream.presence.missed()

    def source_ends_later(self) -> None:
        """Have the source end once the first worker is at work."""
        self._ends_with_first = True

    async def take(self) -> FakeWorker:
        if self._ends_with_first:
            self.source_ends()
        return next(self._left)

    async def run(self) -> None:
        async with asyncio.timeout(10):
            await self.stream.run()

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"media_service_{name}", labels)


async def test_a_stream_is_dubbed_and_reported() -> None:
    trial = Trial(
        [
            *OPENING,
            cut(0),
            OutputConnected(1010.0, 7.3),
            released(0),
            InputEnded("end_of_stream"),
            cut(1, tail=True),
            released(1, "original"),
            Heartbeat(1.5, 30.0, 60_000_000, 0, 900, 1400, 1010.2, 1040.0, 30.03),
            Finished(1041.0),
        ]
    )
    await trial.run()
    report = trial.stream.report
    assert (report.state, report.error, report.time_zero_s) == ("finished", None, 0.0)
    first, tail = report.segments
    assert (first.outcome, first.reason, first.transcript) == ("dubbed", None, "one")
    assert first.sent_at is not None
    assert first.released_at is not None
    assert (tail.fragment_id, tail.reason) == (None, "tail")
    assert trial.value("fragments_fallback_total", reason="timeout") == 0
    assert trial.value("segments_lost_total") == 0
    assert report.output is not None
    assert (report.output.delay_s, report.output.video_packets) == (7.3, 900)
    assert report.worker is not None
    assert (report.worker.pid, report.worker.rss_bytes, report.worker.exit_code) == (
        7,
        60_000_000,
        0,
    )
    assert trial.sts.closed
    assert len(trial.sts.applied_ids) == 1
    start = trial.workers[0].commands[0]
    assert isinstance(start, Start)
    assert start.input_url.endswith("/live/a/in")
    assert start.output_url.endswith("/live/a/out")
    assert first.skew_ms == 4.0
    assert trial.value("av_skew_seconds", stream_id="a-1") is None


def silent(fragment: Fragment) -> DubbedAudio:
    pcm = bytes(len(fragment.pcm))
    return DubbedAudio.from_pcm(pcm, sample_rate_hz=48_000, channels=2)


def failing(error: StsError) -> Callable[[Fragment], FragmentProcessed]:
    def fail(_: Fragment) -> FragmentProcessed:
        raise error

    return fail


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (failing(StsTimeoutError()), "timeout"),
        (failing(StsUnavailableError()), "sts_unavailable"),
        (failing(StsCircuitOpenError()), "circuit_open"),
        (lambda f: answer(f, transcript=" ", translated_text=""), "no_speech"),
        (lambda f: answer(f, transcript="...", dubbed_audio=silent(f)), "no_speech"),
        (
            lambda f: answer(
                f,
                status="failed",
                dubbed_audio=None,
                error={"code": "MODEL_ERROR", "message": "x", "retryable": True},
            ),
            "sts_failed",
        ),
    ],
)
async def test_the_original_goes_out_where_nothing_else_can(
    reply: Callable[[Fragment], FragmentProcessed], reason: str
) -> None:
    trial = Trial([*OPENING, cut(0), released(0, "original"), Finished(1.0)], answer=reply)
    await trial.run()
    segment = trial.stream.report.segments[0]
    assert (segment.outcome, segment.reason) == ("original", reason)
    assert trial.workers[0].results[0].outcome == "original"
    assert trial.value("fragments_fallback_total", reason=reason) == 1


async def test_a_frozen_worker_is_replaced_and_the_timeline_goes_on() -> None:
    trial = Trial([*OPENING, cut(0), cut(1), FROZEN], [*OPENING, Finished(1.0)])
    await trial.run()
    assert trial.stream.report.state == "finished"
    assert trial.workers[0].exit_code == -9
    assert trial.value("worker_restarts_total") == 1
    start = trial.workers[1].commands[0]
    assert isinstance(start, Start)
    assert (start.zero_s, start.first_number) == (0.0, 2)


async def test_a_worker_is_not_replaced_once_the_source_is_gone() -> None:
    trial = Trial([*OPENING, FROZEN])
    trial.source_ends_later()
    await trial.run()
    assert trial.stream.report.state == "failed"
    assert trial.value("stream_failures_total", reason="worker_frozen") == 1


async def test_a_worker_that_keeps_dying_fails_the_stream() -> None:
    trial = Trial(*([*OPENING] for _ in range(4)))
    await trial.run()
    assert trial.stream.report.error == "the worker process died, exit code 0"
    assert trial.value("worker_restarts_total") == 3


async def test_a_stream_that_cannot_be_dubbed_fails_for_good() -> None:
    trial = Trial([Hello(7), Failed("no_audio", "audio track required for dubbing", False)])
    await trial.run()
    assert trial.stream.report.state == "failed"
    assert trial.stream.report.error == "audio track required for dubbing"
    assert trial.value("stream_failures_total", reason="no_audio") == 1


async def test_a_source_that_stalled_is_dubbed_again() -> None:
    stalled = [InputEnded("read_timeout"), Finished(1.0)]
    beat = Heartbeat(1.0, 9.0, 1, 55, 90, 140, 1010.0, 1016.0, 6.0)
    later = Heartbeat(1.0, 9.0, 1, 0, 80, 130, 1050.0, 1056.0, 48.0)
    silent = [Hello(7), Failed("input_silent", "nothing came", True)]
    trial = Trial(
        [*OPENING, cut(0), OutputConnected(1010.0, 7.8), released(0), beat, *stalled],
        *([silent] * 5),
        [
            *(Hello(8), Began(1045.0, 0.0, 3.0), cut(7), OutputConnected(1050.0, 7.9)),
            *(released(7), later, Finished(2.0)),
        ],
    )
    await trial.run()
    report = trial.stream.report
    assert (report.state, report.error, report.missed_head_s) == ("finished", None, 0.3)
    assert [s.outcome for s in report.segments] == ["dubbed", "dubbed"]
    assert report.output is not None
    assert (report.output.video_packets, report.output.audio_packets) == (170, 270)
    assert (report.output.first_packet_at, report.output.duration_s) == (1010.0, 48.0)
    assert trial.value("worker_restarts_total") == 6
    assert trial.value("waiting_video_bytes", stream_id="a-1") is None


async def test_a_stream_that_leaves_nothing_to_a_second_worker_is_finished() -> None:
    trial = Trial(
        [*OPENING, cut(0), released(0), InputEnded("read_timeout"), Finished(1.0)],
        [Hello(8), Failed("input_unreadable", "cannot open", False)],
    )
    running = asyncio.create_task(trial.run())
    while len(trial.workers[1].commands) < 1:  # noqa: ASYNC110 - what is watched has no event
        await asyncio.sleep(0)
    trial.source_ends()
    await running
    assert (trial.stream.report.state, trial.stream.report.error) == ("finished", None)


async def test_a_source_that_ends_before_it_is_read_fails_clearly() -> None:
    trial = Trial([Hello(7), Failed("input_unreadable", "cannot open rtmp://x", False)])
    trial.source_ends()
    await trial.run()
    assert trial.stream.report.error == "the source ended before it was heard"
    assert trial.value("stream_failures_total", reason="input_too_short") == 1


async def test_what_a_dead_worker_held_is_lost_and_not_counted_as_fallback() -> None:
    never = asyncio.Event()
    trial = Trial([*OPENING, cut(0), released(0), cut(1), cut(2), FROZEN])
    trial.source_ends_later()
    trial.sts.wait_from = 1, never
    await trial.run()
    ends = [(s.outcome, s.reason) for s in trial.stream.report.segments]
    assert ends == [("dubbed", None), ("lost", "lost"), ("lost", "lost")]
    assert trial.value("segments_lost_total") == 2
    assert trial.value("fragments_fallback_total", reason="timeout") == 0
    assert sorted(trial.sts.cancelled) == [1, 2]


def restored(number: int) -> SegmentCut:
    """Return the cut of a segment whose answer is on disk."""
    return replace(cut(number), pcm=b"", restored=True)


async def test_a_kept_segment_goes_out_for_the_reason_that_it_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = [released(0, "original"), released(1, "original")]
    trial = Trial([*OPENING, restored(0), restored(1), *out, Finished(1.0)])
    segments = trial.stream.report.segments
    segments += [
        SegmentReport(number=0, start_s=0, duration_s=6, cut_at=1, reason="no_speech"),
        SegmentReport(number=1, start_s=6, duration_s=0.1, cut_at=1, reason="tail"),
    ]
    with monkeypatch.context() as disk:
        disk.setattr("media_service.stream.unpublished", lambda _: [0, 1])
        trial.stream._keep_or_lose()
    assert [(s.outcome, s.reason) for s in segments] == [("kept", "no_speech"), ("kept", "tail")]
    trial.workers[0].commands += [Result(number, "original", 48_000, 2) for number in (0, 1)]
    await trial.run()
    assert [s.outcome for s in segments] == ["original", "original"]
    assert [s.reason for s in segments] == ["no_speech", "tail"]
    assert trial.value("fragments_fallback_total", reason="no_speech") == 1
    assert trial.value("fragments_fallback_total", reason="timeout") == 0


async def test_a_segment_that_goes_out_in_two_parts_is_counted_once() -> None:
    trial = Trial(
        [*OPENING, cut(0), released(0, "original"), FROZEN],
        [*OPENING, restored(0), released(0, "original"), Finished(1.0)],
        answer=failing(StsUnavailableError()),
    )
    trial.workers[1].commands.append(Result(0, "original", 48_000, 2))
    await trial.run()
    assert trial.value("fragments_fallback_total", reason="sts_unavailable") == 1


async def test_a_stop_is_not_lost_while_there_is_no_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trial = Trial([*OPENING, FROZEN], [*OPENING, Finished(1.0)])
    taking = asyncio.Event()
    take = trial.take

    async def slow_take() -> FakeWorker:
        taking.set()
        await asyncio.sleep(0.05)
        return await take()

    monkeypatch.setattr(trial, "take", slow_take)
    running = asyncio.create_task(trial.run())
    await taking.wait()
    await trial.stream.stop()
    await running
    assert trial.workers[0].commands == []
    assert trial.stream.report.state == "finished"


async def test_an_output_begins_when_its_path_is_free() -> None:
    trial = Trial([*OPENING, cut(0), released(0), Finished(1.0)])
    trial.stream.path_free.clear()
    trial.workers[0].needed = Publish()
    running = asyncio.create_task(trial.run())
    await asyncio.wait([running], timeout=0.1)
    assert Publish() not in trial.workers[0].commands
    trial.stream.path_free.set()
    await running
    assert trial.stream.report.state == "finished"


async def test_lists_in_a_report_are_bounded() -> None:
    report = Trial([]).stream.report
    recorder = Recorder(report, pid=1, output_url="rtmp://a")
    recorder.record(OutputConnected(1.0, 7.0))
    for number in range(MAX_LISTED + 10):
        recorder.record(cut(number))
        recorder.record(Stalled(1.0, 0.5, 8.0))
    assert report.output is not None
    assert len(report.segments) == len(report.output.stalls) == MAX_LISTED
    assert report.segments[-1].number == MAX_LISTED + 9


class Scripted(WorkerPool):
    """Gives every stream a worker that finishes at once."""

    async def take(self) -> Any:
        return FakeWorker([Hello(7), Finished(1.0)])


async def ended(supervisor: Supervisor) -> None:
    async with asyncio.timeout(5):
        # A stream that has ended is at work until its last checkpoint is written.
        while supervisor.active or supervisor._running:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_each_publication_is_one_stream_and_old_ones_are_forgotten() -> None:
    metrics = Metrics()
    sts = cast(StsClient, FakeSts(answer))
    supervisor = Supervisor(Settings(stream_resume_s=0), sts, metrics, Scripted())
    for number in range(MAX_PAST_STREAMS + 5):
        path = PublishedPath(f"live/{number}/in", "a", "source", 1.0)
        await supervisor.reconcile([path])
        await supervisor.reconcile([path])
        await ended(supervisor)
        await supervisor.reconcile([])
    await asyncio.sleep(0.01)
    await supervisor.reconcile([])
    assert len(supervisor.reports) == MAX_PAST_STREAMS
    assert len({report.stream_id for report in supervisor.reports}) == MAX_PAST_STREAMS
    supervisor.count_streams()
    assert metrics.registry.get_sample_value("media_service_streams", {"state": "finished"}) == 50


async def test_a_source_that_comes_back_in_time_is_the_same_stream(segment_dir: Path) -> None:
    sts = cast(StsClient, FakeSts(answer))
    supervisor = Supervisor(Settings(), sts, Metrics(), Scripted())
    await supervisor.reconcile([SOURCE])
    await ended(supervisor)
    await supervisor.reconcile([])
    (report,) = supervisor.reports
    assert report.ended
    assert (segment_dir / report.stream_id).is_dir()
    await supervisor.reconcile([replace(SOURCE, source_id="again", ready_at=time.time() + 9)])
    assert supervisor.reports == [report]
    assert report.state == "waiting"
    assert [i.reason for i in report.interruptions][-1:] == ["input_lost"]
    await ended(supervisor)
    await supervisor.reconcile([])
    later = replace(SOURCE, source_id="later", ready_at=time.time() + 11)
    await supervisor.reconcile([later])
    assert len(supervisor.reports) == 2
    await ended(supervisor)
    await supervisor.stop()
    # Nothing of the first is left to publish, so nothing of it is kept.
    assert not (segment_dir / report.stream_id).exists()


async def test_a_failed_source_is_not_tried_again_but_another_is() -> None:
    sts = cast(StsClient, FakeSts(answer))

    class Failing(WorkerPool):
        async def take(self) -> Any:
            return FakeWorker([Hello(7), Failed("no_audio", "audio track required", False)])

    supervisor = Supervisor(Settings(), sts, Metrics(), Failing())
    for _ in range(3):
        await supervisor.reconcile([SOURCE])
        await ended(supervisor)
    assert [report.state for report in supervisor.reports] == ["failed"]
    await supervisor.reconcile([replace(SOURCE, source_id="another")])
    assert len(supervisor.reports) == 2
    await ended(supervisor)


async def until_sent(worker: FakeWorker, kind: type[Command]) -> Any:
    async with asyncio.timeout(5):
        while not any(isinstance(sent, kind) for sent in worker.commands):  # noqa: ASYNC110
            await asyncio.sleep(0)
    return next(sent for sent in worker.commands if isinstance(sent, kind))


async def test_a_take_over_is_read_by_the_same_worker(segment_dir: Path) -> None:
    sts = cast(StsClient, FakeSts(answer))
    worker = FakeWorker([*OPENING, InputEnded("end_of_stream"), cut(0)])
    workers = iter([worker])

    class One(WorkerPool):
        async def take(self) -> Any:
            return next(workers)

    supervisor = Supervisor(Settings(), sts, Metrics(), One())
    worker.needed_before = {InputEnded: Result, SegmentCut: Read}
    await supervisor.reconcile([SOURCE])
    async with asyncio.timeout(5):
        while supervisor.reports[0].state != "processing":  # noqa: ASYNC110
            await asyncio.sleep(0)
    await supervisor.reconcile([replace(SOURCE, source_id="another")])
    await worker.send(Result(0, "original", 48_000, 2))
    read = await until_sent(worker, Read)
    assert read.another
    assert len(supervisor.reports) == 1
    await supervisor.stop()


async def test_a_late_take_over_waits_for_the_earlier_output_and_a_stop_reaches_all() -> None:
    sts = cast(StsClient, FakeSts(answer))
    endless = [FakeWorker([Hello(1)]), FakeWorker([Hello(2)])]
    for worker in endless:
        worker.needed = Stop()
    workers = iter(endless)

    class Endless(WorkerPool):
        async def take(self) -> Any:
            return next(workers)

    supervisor = Supervisor(Settings(), sts, Metrics(), Endless())
    first, second = endless
    await supervisor.reconcile([SOURCE])
    await until_sent(first, Publish)
    await supervisor.reconcile([])
    late = replace(SOURCE, source_id="another", ready_at=time.time() + 20)
    await supervisor.reconcile([late])
    await until_sent(second, Start)
    assert Publish() not in second.commands
    async with asyncio.timeout(5):
        await supervisor.stop()
    assert all(Stop() in worker.commands for worker in endless)
    assert supervisor.active == 0
    await supervisor.stop()


async def test_of_two_that_were_left_at_one_path_the_earlier_ends(segment_dir: Path) -> None:
    # A process that was killed during a take-over; which of them was alive last says nothing.
    names = ["earlier-00000001", "later-00000002"]
    for name, detected_at, written_at in zip(names, (1.0, 2.0), (20.0, 10.0), strict=True):
        leave_checkpoint(segment_dir, name, detected_at=detected_at, written_at=written_at)
    supervisor = Supervisor(Settings(), cast(StsClient, FakeSts(answer)), Metrics(), Scripted())
    await supervisor.take_up()
    async with asyncio.timeout(5):
        while len(supervisor._running) > 1:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert [report.state for report in supervisor.reports] == ["failed", "waiting"]
    assert [report.stream_id for report in supervisor.reports] == names
    await supervisor.stop()


def test_a_streams_id_is_fit_for_a_url() -> None:
    assert stream_id_for("a b/c?d").startswith("a-b-c-d-")
    assert len(stream_id_for("x" * 500)) < 200


async def test_the_http_api() -> None:
    metrics = Metrics()
    sts = cast(StsClient, FakeSts(answer))
    supervisor = Supervisor(Settings(), sts, metrics, Scripted())
    discovery = Discovery("http://media-server", supervisor.reconcile)
    api = HttpApi(supervisor, sts, discovery, metrics)
    async with TestClient(TestServer(api.application())) as client:
        assert (await client.get("/ready")).status == 503
        discovery.reachable = True
        assert (await client.get("/ready")).status == 200
        health = await (await client.get("/health")).json()
        assert health["status"] == "healthy"
        assert health["sts"] == {"url": "http://sts", "connected": True, "session": "s"}
        assert health["media_server"] == {"url": "http://media-server", "reachable": True}
        await supervisor.reconcile([SOURCE])
        listed = (await (await client.get("/v1/streams")).json())["streams"]
        assert [stream["path_in"] for stream in listed] == ["live/a/in"]
        one = await client.get(f"/v1/streams/{listed[0]['stream_id']}")
        assert (await one.json())["path_out"] == "live/a/out"
        absent = await client.get(f"/v1/streams/{uuid4()}")
        assert absent.status == 404
        assert "no stream" in (await absent.json())["error"]
        text = await (await client.get("/metrics")).text()
        assert 'media_service_fragments_fallback_total{reason="timeout"} 0.0' in text
        api.stopping = True
        for path in ("/health", "/ready"):
            refused = await client.get(path)
            assert (refused.status, (await refused.json())["status"]) == (503, "stopping")
        # What becomes of the streams can be asked to the end.
        assert (await client.get("/v1/streams")).status == 200
        await supervisor.stop()


def dying_after(number: int) -> Script:
    """A worker that sends one segment out, and dies of what comes next."""
    return [*OPENING, cut(number), OutputConnected(1010.0, 7.8), released(number)]


@pytest.mark.parametrize(
    ("numbers", "workers"),
    [([0] * 12, 5), (list(range(12)), 6)],
    ids=["of the same segment", "of one segment each"],
)
async def test_workers_that_die_after_each_first_release_fail_the_stream(
    numbers: list[int], workers: int
) -> None:
    trial = Trial(*(dying_after(number) for number in numbers))
    await trial.run()
    assert trial.stream.report.state == "failed"
    assert trial.stream.report.workers == workers
    assert "the worker process died" in (trial.stream.report.error or "")


async def test_a_stream_is_on_disk_before_its_first_packet(segment_dir: Path) -> None:
    worker = FakeWorker([Hello(1)])
    worker.needed = Stop()
    workers = iter([worker])

    class Silent(WorkerPool):
        async def take(self) -> Any:
            return next(workers)

    supervisor = Supervisor(Settings(), cast(StsClient, FakeSts(answer)), Metrics(), Silent())
    await supervisor.reconcile([SOURCE])
    stream_id = supervisor.reports[0].stream_id
    async with asyncio.timeout(5):
        while not (segment_dir / stream_id / CHECKPOINT).exists():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    # The process is killed here; the next one finds the stream, and the source that is its own.
    again = Supervisor(Settings(), cast(StsClient, FakeSts(answer)), Metrics(), Scripted())
    await again.take_up()
    await again.reconcile([SOURCE])
    assert [report.stream_id for report in again.reports] == [stream_id]
    await ended(again)
    await again.stop()
    await supervisor.stop()


async def test_a_stream_that_drains_beside_a_newer_one_waits_for_the_media_server() -> None:
    refused = [Hello(1), Failed("output_failed", "cannot publish", True)]
    earlier = [FakeWorker([*OPENING, InputEnded("end_of_stream"), *refused[1:]])]
    newer = FakeWorker([Hello(2)])
    earlier[0].needed_before = {Failed: Publish}
    newer.needed = Stop()
    given = iter([*earlier, newer, *(FakeWorker(refused) for _ in range(8))])

    class Given(WorkerPool):
        async def take(self) -> Any:
            return next(given)

    supervisor = Supervisor(Settings(), cast(StsClient, FakeSts(answer)), Metrics(), Given())
    gate = asyncio.Event()
    earlier_receive = earlier[0].receive

    async def receive() -> Message | None:
        message = await earlier_receive()
        if isinstance(message, Failed):
            await gate.wait()
        return message

    cast(Any, earlier[0]).receive = receive
    await supervisor.reconcile([SOURCE])
    await until_sent(earlier[0], Publish)
    await supervisor.reconcile([])
    late = replace(SOURCE, source_id="another", ready_at=time.time() + 20)
    await supervisor.reconcile([late])
    await until_sent(newer, Start)
    spool = Path(supervisor.reports[0].spool.folder if supervisor.reports[0].spool else "")
    (spool / segment_file(0, SOUND, start_samples=0)).write_bytes(bytes(400))
    supervisor.media_server_lost()
    gate.set()
    async with asyncio.timeout(5):
        while supervisor.reports[0].state not in ("waiting", "failed"):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    first = supervisor.reports[0]
    assert first.state == "waiting"
    assert [one.reason for one in first.interruptions] == ["media_server_lost"]
    # It is back, and refuses what is kept: now that counts.
    await supervisor.reconcile([late])
    async with asyncio.timeout(5):
        while not first.ended:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert (first.error or "").startswith("cannot publish")
    await supervisor.stop()
