"""Knows which input paths are being published, by asking the media server again and again."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp

from media_service.logs import get_logger

POLL_S = 0.1
REQUEST_TIMEOUT_S = 2.0
PAGE_ITEMS = 1000
MAX_PAGES = 100
_INPUT_PATH = re.compile(r"live/(?P<name>.+)/in")
_log = get_logger()


@dataclass(frozen=True)
class PublishedPath:
    """An input path with its present publisher; ``ready_at`` in Unix seconds."""

    path: str
    name: str
    source_id: str
    ready_at: float | None
    tracks: tuple[str, ...] = ()

    @property
    def output_path(self) -> str:
        """Where the dubbed stream is published."""
        return f"live/{self.name}/out"

    @property
    def key(self) -> tuple[str, str, float | None]:
        """What tells one publication from the next on the same path."""
        return (self.path, self.source_id, self.ready_at)


class Discovery:
    """Polls the Control API; level-triggered, so a restart on either side heals by itself.

    ``seen`` is awaited with all published input paths after each successful poll.
    """

    def __init__(
        self, api_url: str, seen: Callable[[list[PublishedPath]], Awaitable[None]]
    ) -> None:
        self.api_url = api_url
        self.reachable = False
        self._seen = seen

    async def run(self) -> None:
        """Poll until cancelled."""
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                polled_at = time.monotonic()
                await self._poll(session)
                await asyncio.sleep(max(0.0, polled_at + POLL_S - time.monotonic()))

    async def _poll(self, session: aiohttp.ClientSession) -> None:
        try:
            paths = await self._list(session)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            if self.reachable:
                _log.warning("media_server_lost", url=self.api_url, error=repr(error))
            self.reachable = False
            return
        if not self.reachable:
            _log.info("media_server_reached", url=self.api_url)
        self.reachable = True
        await self._seen(paths)

    async def _list(self, session: aiohttp.ClientSession) -> list[PublishedPath]:
        paths: list[PublishedPath] = []
        for page in range(MAX_PAGES):
            async with session.get(
                f"{self.api_url}/v3/paths/list",
                params={"itemsPerPage": PAGE_ITEMS, "page": page},
            ) as response:
                response.raise_for_status()
                listing = await response.json()
            if not isinstance(listing, dict):
                raise ValueError("the path list is not an object")  # noqa: TRY004 - a bad answer
            paths += [path for item in listing.get("items") or () if (path := parse_path(item))]
            if page + 1 >= int(listing.get("pageCount") or 1):
                break
        return paths


def parse_path(item: dict[str, Any]) -> PublishedPath | None:
    """Return the input path an item of the list stands for; None for any other.

    Reads the fields of old and new media servers (``ready``/``available``,
    ``tracks``/``tracks2``).
    """
    matched = _INPUT_PATH.fullmatch(str(item.get("name") or ""))
    source = item.get("source")
    ready = item.get("ready", item.get("available", item.get("online")))
    if matched is None or not ready or not isinstance(source, dict):
        return None
    ready_time = item.get("readyTime") or item.get("availableTime") or item.get("onlineTime")
    return PublishedPath(
        path=matched[0],
        name=matched["name"],
        source_id=str(source.get("id") or ""),
        ready_at=_unix_s(ready_time),
        tracks=tuple(
            str(track.get("codec") if isinstance(track, dict) else track)
            for track in item.get("tracks2") or item.get("tracks") or ()
        ),
    )


def _unix_s(text: Any) -> float | None:
    if not isinstance(text, str):
        return None
    # Go prints nanoseconds, more than fromisoformat takes.
    trimmed = re.sub(r"(\.\d{6})\d+", r"\1", text)
    try:
        return datetime.fromisoformat(trimmed).timestamp()
    except ValueError:
        return None
