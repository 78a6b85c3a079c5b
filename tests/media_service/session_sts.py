"""A fake STS that remembers its sessions, as the real one does, and tells each step it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.media_service.fake_sts import FakeSts

STEPS = (
    "init_came",
    "ready_sent",
    "data_came",
    "queued_sent",
    "processing_sent",
    "answer_made",
    "answer_sent",
    "received_came",
    "applied_came",
)
"""The moments of an exchange as the server sees them."""


class SessionSts(FakeSts):
    """Works on each fragment once, whatever breaks; ``at_step`` is called at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.at_step: Callable[[str], None] = lambda _: None
        self.worked_on: Counter[str] = Counter()
        self.answers: dict[str, dict[str, Any]] = {}
        self.connection = ""
        self.answer = _work

    async def _take(self, event: str, connection: str, payload: dict[str, Any]) -> None:
        if event == "stream:init":
            self.connection = connection
            self.at_step("init_came")
        elif event == "fragment:ack":
            self.at_step(f"{payload['status']}_came")
        await super()._take(event, connection, payload)
        if event == "stream:init":
            self.at_step("ready_sent")

    async def work(self, data: dict[str, Any]) -> None:
        fragment_id = data["fragment_id"]
        self.at_step("data_came")
        if fragment_id in self.answers:
            await self.process(self.connection, self.answers[fragment_id])
            return
        await self.acknowledge(self.connection, data)
        if self.worked_on[fragment_id]:
            return
        self.worked_on[fragment_id] += 1
        self.at_step("queued_sent")
        await self.acknowledge(self.connection, data, status="processing")
        self.at_step("processing_sent")
        self.answers[fragment_id] = data
        self.at_step("answer_made")
        await self.process(self.connection, data)
        self.at_step("answer_sent")


async def _work(fake: FakeSts, _: str, data: dict[str, Any]) -> None:
    assert isinstance(fake, SessionSts)
    await fake.work(data)
