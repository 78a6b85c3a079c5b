"""What becomes of the streams once STS has been given up, by ``STS_UNAVAILABLE_POLICY``."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

from media_service.metrics import Metrics
from media_service.protocol import Hello, Start, Stop
from media_service.settings import Settings
from media_service.sts_client import StsClient
from media_service.supervisor import Supervisor
from media_service.worker_process import WorkerPool
from tests.media_service.left import SOURCE
from tests.media_service.test_stream import FakeSts, FakeWorker, answer, ended, until_sent


class Killable(FakeWorker):
    """Says hello, and then reads until it is stopped or killed."""

    def __init__(self, pid: int) -> None:
        super().__init__([Hello(pid)])
        self.needed = Stop()
        self.kills: list[asyncio.Task[None]] = []

    def kill(self) -> None:
        super().kill()
        self.kills.append(asyncio.create_task(self.send(Stop())))


class Waiting(WorkerPool):
    """Hands out workers that read for as long as they are let."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Killable] = []

    async def take(self) -> Any:
        worker = Killable(len(self.taken))
        self.taken.append(worker)
        return worker


async def reading(workers: Waiting) -> None:
    async with asyncio.timeout(5):
        while not workers.taken:  # noqa: ASYNC110 - a pool says nothing of what it hands out
            await asyncio.sleep(0)
    await until_sent(workers.taken[0], Start)


async def test_by_the_policy_fail_every_stream_fails_and_says_why() -> None:
    metrics, sts, workers = Metrics(), FakeSts(answer), Waiting()
    settings = Settings(sts_unavailable_policy="fail")
    supervisor = Supervisor(settings, cast(StsClient, sts), metrics, workers)
    await supervisor.reconcile([SOURCE])
    await reading(workers)
    sts.given_up.set()
    await supervisor.reconcile([SOURCE])
    await ended(supervisor)
    (report,) = supervisor.reports
    assert workers.taken[0].kills
    assert report.state == "failed"
    assert "STS is unavailable" in (report.error or "")
    failures = metrics.registry.get_sample_value(
        "media_service_stream_failures_total", {"reason": "sts_unavailable"}
    )
    assert failures == 1
    # Not tried again for the same source, but for another once STS is back.
    sts.given_up.clear()
    await supervisor.reconcile([SOURCE])
    assert len(supervisor.reports) == 1
    await supervisor.reconcile([replace(SOURCE, source_id="another")])
    assert supervisor.reports[-1].state != "failed"
    await supervisor.stop()


async def test_by_the_policy_passthrough_they_go_on() -> None:
    sts, workers = FakeSts(answer), Waiting()
    supervisor = Supervisor(Settings(), cast(StsClient, sts), Metrics(), workers)
    await supervisor.reconcile([SOURCE])
    await reading(workers)
    sts.given_up.set()
    await supervisor.reconcile([SOURCE])
    await asyncio.sleep(0.05)
    assert [report.state for report in supervisor.reports] != ["failed"]
    assert supervisor.active == 1
    await supervisor.stop()
