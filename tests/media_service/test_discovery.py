import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError
from structlog.testing import capture_logs

from media_service.discovery import Discovery, PublishedPath, parse_path

OLD = {
    "name": "live/a/in",
    "ready": True,
    "readyTime": "2026-01-02T03:04:05.123456789Z",
    "source": {"type": "rtmpConn", "id": "s1"},
    "tracks": ["H264", "MPEG-4 Audio"],
}
NEW = {
    "name": "live/b/c/in",
    "available": True,
    "availableTime": "2026-01-02T03:04:05Z",
    "source": {"type": "rtmpConn", "id": "s2"},
    "tracks2": [{"codec": "H264"}],
}


def test_old_and_new_fields_are_read() -> None:
    assert parse_path(OLD) == PublishedPath(
        "live/a/in", "a", "s1", 1767323045.123456, ("H264", "MPEG-4 Audio")
    )
    assert parse_path(NEW) == PublishedPath("live/b/c/in", "b/c", "s2", 1767323045.0, ("H264",))
    assert PublishedPath("live/b/c/in", "b/c", "s2", None).output_path == "live/b/c/out"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "live/a/out"},
        {"name": "other/a/in"},
        {"name": "live//in"},
        {"name": None},
        {"ready": False},
        {"source": None},
    ],
)
def test_other_paths_are_not_inputs(change: dict[str, Any]) -> None:
    assert parse_path({**OLD, **change}) is None


def test_an_unreadable_time_is_unknown() -> None:
    path = parse_path({**OLD, "readyTime": "yesterday"})
    assert path is not None
    assert path.ready_at is None


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is watched has no event
        await asyncio.sleep(0.01)


class FakeApi:
    def __init__(self) -> None:
        self.items: list[Any] = []
        self.listing: Any = None
        self.page_items = 100
        self.broken = False

    async def list(self, request: web.Request) -> web.Response:
        if self.broken:
            return web.Response(text="<html>", content_type="text/html")
        if self.listing is not None:
            return web.json_response(self.listing)
        page = int(request.query["page"])
        shown = self.items[page * self.page_items : (page + 1) * self.page_items]
        pages = -(-len(self.items) // self.page_items)
        return web.json_response({"pageCount": pages, "items": shown})


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
async def server(api: FakeApi) -> AsyncIterator[TestServer]:
    application = web.Application()
    application.router.add_get("/v3/paths/list", api.list)
    server = TestServer(application)
    await server.start_server()
    yield server
    await server.close()


async def test_what_is_published_is_told_again_and_again(api: FakeApi, server: TestServer) -> None:
    api.items, api.page_items = [OLD, {**OLD, "name": "live/a/out"}, NEW], 2
    told: asyncio.Queue[list[str]] = asyncio.Queue()

    async def seen(paths: list[PublishedPath]) -> None:
        await told.put([path.name for path in paths])

    discovery = Discovery(str(server.make_url("")).rstrip("/"), seen)
    running = asyncio.create_task(discovery.run())
    try:
        async with asyncio.timeout(5):
            assert await told.get() == ["a", "b/c"]
            assert discovery.reachable
            api.items = [NEW]
            while await told.get() != ["b/c"]:
                continue
            api.broken = True
            await until(lambda: not discovery.reachable)
            api.broken = False
            await until(lambda: discovery.reachable is True)
    finally:
        running.cancel()


async def test_a_malformed_answer_is_told_once_and_survived(
    api: FakeApi, server: TestServer
) -> None:
    told: asyncio.Queue[list[str]] = asyncio.Queue()

    async def seen(paths: list[PublishedPath]) -> None:
        await told.put([path.name for path in paths])

    discovery = Discovery(str(server.make_url("")).rstrip("/"), seen)
    with capture_logs() as lines:
        running = asyncio.create_task(discovery.run())
        async with asyncio.timeout(10):
            # What is understood is not held up by what is not.
            api.items = [{**OLD, "tracks": 7}, "item", {**OLD, "source": {"id": []}}, NEW]
            assert await told.get() == ["b/c"]
            assert await told.get() == ["b/c"]
            malformed: list[Any] = [{"items": 7}, [], {"items": [], "pageCount": "many"}, "x"]
            for listing in malformed:
                api.listing = listing
                await until(lambda: not discovery.reachable)
                assert not running.done()
                api.listing = None
                await until(lambda: discovery.reachable is True)
        running.cancel()
    assert [line["event"] for line in lines].count("media_server_answer_invalid") == 1


async def test_a_media_server_that_was_never_there_is_told() -> None:
    async def seen(paths: list[PublishedPath]) -> None:
        raise AssertionError("nothing can have been seen")

    discovery = Discovery("http://user:secret@127.0.0.1:9", seen)
    with capture_logs() as lines:
        running = asyncio.create_task(discovery.run())
        await until(lambda: discovery.reachable is False)
        await asyncio.wait([running], timeout=0.3)
        running.cancel()
    assert [line["event"] for line in lines] == ["media_server_lost"]


async def test_a_media_server_that_is_away_is_no_end() -> None:
    async def seen(paths: list[PublishedPath]) -> None:
        raise AssertionError("nothing can have been seen")

    discovery = Discovery("http://127.0.0.1:9", seen)
    running = asyncio.create_task(discovery.run())
    await asyncio.wait([running], timeout=0.3)
    assert not running.done()
    assert not discovery.reachable
    running.cancel()


@pytest.mark.parametrize("change", [{"name": "live/a\ud800/in"}, {"tracks": ["H264\ud800"]}])
def test_a_name_that_no_url_can_hold_is_refused(change: dict[str, Any]) -> None:
    item = {"name": "live/a/in", "ready": True, "source": {"id": "1"}, **change}
    with pytest.raises(ValidationError, match="unicode"):
        parse_path(item)
