"""Knows which input paths are being published, by asking the media server again and again."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from media_service.logs import get_logger

POLL_S = 0.1
REQUEST_TIMEOUT_S = 2.0
PAGE_ITEMS = 1000
MAX_PAGES = 100
MAX_WORD = 1000
"""Characters of whatever the media server names: longer than any path, and text that can be sent.

Without a bound pydantic lets a lone surrogate pass, which no URL and no file can hold.
"""
_Word = Annotated[str, Field(max_length=MAX_WORD)]
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


class _Answer(BaseModel):
    """Part of the API's answer; the fields differ between versions, and more come."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Source(_Answer):
    id: _Word = ""


class _Track(_Answer):
    codec: _Word = ""


class _Item(_Answer):
    name: _Word | None = None
    source: _Source | None = None
    ready: bool | None = None
    available: bool | None = None
    online: bool | None = None
    ready_time: str | None = Field(default=None, alias="readyTime")
    available_time: str | None = Field(default=None, alias="availableTime")
    online_time: str | None = Field(default=None, alias="onlineTime")
    tracks: list[_Word] | None = None
    tracks2: list[_Track] | None = None

    @property
    def is_ready(self) -> bool:
        known = (self.ready, self.available, self.online)
        return next((said for said in known if said is not None), False)


class _Listing(_Answer):
    page_count: int | None = Field(default=1, alias="pageCount")
    items: list[Any] | None = None


class Discovery:
    """Polls the Control API; level-triggered, so a restart on either side heals by itself.

    ``seen`` is awaited with all published input paths after each successful poll, ``lost`` called
    after each that fails. ``reachable`` is None before the first poll.
    """

    def __init__(
        self,
        api_url: str,
        seen: Callable[[list[PublishedPath]], Awaitable[None]],
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self.api_url = api_url
        self.reachable: bool | None = None
        self._seen = seen
        self._lost = lost
        self._invalid: str | None = None

    async def run(self) -> None:
        """Poll until cancelled."""
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                polled_at = time.monotonic()
                await self._poll(session)
                await asyncio.sleep(max(0.0, polled_at + POLL_S - time.monotonic()))

    async def _poll(self, session: aiohttp.ClientSession) -> None:
        invalid: list[str] = []
        try:
            paths = await self._list(session, invalid)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            if isinstance(error, ValidationError):
                self._tell_invalid(_first(error))
            if self.reachable is not False:
                _log.warning("media_server_lost", url=self.api_url, error=_first(error))
            self.reachable = False
            self._lost()
            return
        self._tell_invalid(invalid[0] if invalid else None)
        if not self.reachable:
            _log.info("media_server_reached", url=self.api_url)
        self.reachable = True
        await self._seen(paths)

    def _tell_invalid(self, what: str | None) -> None:
        """Log that the server's answer is not understood, once for as long as it is so."""
        if what is not None and self._invalid is None:
            _log.error("media_server_answer_invalid", url=self.api_url, error=what)
        self._invalid = what

    async def _list(
        self, session: aiohttp.ClientSession, invalid: list[str]
    ) -> list[PublishedPath]:
        """Return the published inputs; items that are not understood are named in ``invalid``."""
        paths: list[PublishedPath] = []
        for page in range(MAX_PAGES):
            async with session.get(
                f"{self.api_url}/v3/paths/list",
                params={"itemsPerPage": PAGE_ITEMS, "page": page},
            ) as response:
                response.raise_for_status()
                listing = _Listing.model_validate(await response.json())
            for item in listing.items or ():
                try:
                    path = parse_path(item)
                except ValidationError as error:
                    name = item.get("name") if isinstance(item, dict) else item
                    invalid.append(f"{str(name)[:100]}: {_first(error)}")
                    continue
                if path is not None:
                    paths.append(path)
            if page + 1 >= (listing.page_count or 1):
                break
        return paths


def parse_path(item: Any) -> PublishedPath | None:
    """Return the input path an item of the list stands for; None for any other.

    Reads the fields of old and new media servers (``ready``/``available``,
    ``tracks``/``tracks2``). Raises ``ValidationError`` for what no media server says.
    """
    known = _Item.model_validate(item)
    matched = _INPUT_PATH.fullmatch(known.name or "")
    if matched is None or not known.is_ready or known.source is None:
        return None
    ready_time = known.ready_time or known.available_time or known.online_time
    tracks = [track.codec for track in known.tracks2 or ()] or known.tracks or ()
    return PublishedPath(
        path=matched[0],
        name=matched["name"],
        source_id=known.source.id,
        ready_at=_unix_s(ready_time),
        tracks=tuple(tracks),
    )


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return repr(error)
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _unix_s(text: str | None) -> float | None:
    if text is None:
        return None
    # Go prints nanoseconds, more than fromisoformat takes.
    trimmed = re.sub(r"(\.\d{6})\d+", r"\1", text)
    try:
        return datetime.fromisoformat(trimmed).timestamp()
    except (ValueError, OverflowError):
        return None
