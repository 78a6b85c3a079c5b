"""Whether a source is there: nothing that changes is missed by whoever waits for it."""

from __future__ import annotations

import asyncio

from media_service.discovery import PublishedPath
from media_service.presence import Presence

SOURCE = PublishedPath("live/a/in", "a", "1", None)


async def test_a_change_before_the_waiting_task_has_begun_is_seen() -> None:
    presence = Presence(SOURCE, published=None)
    waiting = asyncio.create_task(presence.change())
    presence.seen(SOURCE)
    async with asyncio.timeout(1):
        await waiting


async def test_seeing_the_same_again_is_no_change() -> None:
    presence = Presence(SOURCE, published=True)
    waiting = asyncio.create_task(presence.change())
    presence.seen(SOURCE)
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    presence.lost()
    async with asyncio.timeout(1):
        await waiting
