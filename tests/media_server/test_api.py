"""The Control API: lists, pages, and errors in MediaMTX's form."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from media_server import api
from media_server.errors import Reason
from tests.media_server.client import RtmpClient
from tests.media_server.conftest import Running


async def test_paths_come_in_order_and_in_pages(running: Running) -> None:
    async with AsyncExitStack() as stack:
        for name in ("c", "a", "b"):
            client = await stack.enter_async_context(RtmpClient(running.rtmp))
            await client.publish("studio", name)
        _, everything = await running.get("/v3/paths/list")
        _, page = await running.get("/v3/paths/list?itemsPerPage=2&page=1")
    assert [item["name"] for item in everything["items"]] == ["studio/a", "studio/b", "studio/c"]
    assert (everything["itemCount"], everything["pageCount"]) == (3, 1)
    assert [item["name"] for item in page["items"]] == ["studio/c"]
    assert (page["itemCount"], page["pageCount"]) == (3, 2)


async def test_a_publisher_without_media_is_listed_and_not_ready(running: Running) -> None:
    async with RtmpClient(running.rtmp) as client:
        await client.publish("studio", "a")
        item = await running.path("studio/a")
    assert item["source"]["type"] == "rtmpConn"
    assert (item["ready"], item["readyTime"], item["tracks"]) == (False, None, [])


async def test_the_configuration_and_the_refusals_can_be_seen(running: Running) -> None:
    async with RtmpClient(running.rtmp) as client:
        client.send_raw(b"rubbish")
        await client.rest()
    _, configuration = await running.get("/v3/config/global/get")
    assert configuration["rtmp"] is True
    assert (configuration["rtsp"], configuration["rtspTransports"]) == (True, ["tcp"])
    assert configuration["readTimeout"] == "10s"
    _, info = await running.get("/v3/info")
    assert info["refusals"] == {"bad_protocol": 1}
    assert info["version"].startswith("dubspec-mediamtx-stand-in ")


async def test_a_protocol_that_is_off_is_not_listened_for(
    start: Callable[..., Awaitable[Running]],
) -> None:
    running = await start(rtsp=False)
    assert running.server.rtsp_address is None
    _, configuration = await running.get("/v3/config/global/get")
    assert configuration["rtsp"] is False


@pytest.mark.parametrize(
    ("call", "status", "error"),
    [
        ("/v3/paths/get/none", 404, "path not found"),
        ("/v3/nothing", 404, "not found"),
        ("/v3/paths/list?page=x", 400, "invalid page"),
        ("/v3/paths/list?itemsPerPage=0", 400, "invalid items per page"),
    ],
)
async def test_errors_have_mediamtxs_form(
    running: Running, call: str, status: int, error: str
) -> None:
    assert await running.get(call) == (status, {"status": "error", "error": error})


async def test_the_api_only_answers_get(running: Running) -> None:
    url = f"http://{running.server.api_address}/v3/paths/list"
    async with running.http.post(url) as response:
        body: Any = await response.json()
        assert (response.status, body["status"]) == (405, "error")


async def test_each_request_that_is_no_http_is_a_line_and_counted(running: Running) -> None:
    address = running.server.api_address
    assert address is not None
    for said in (b"\x16\x03\x01\x02\x00 hello TLS\r\n\r\n", b"GET / HTTP/9.9.9\r\n\r\n") * 2:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(said)
        assert b"400 Bad Request" in await asyncio.wait_for(reader.read(), 5)
        writer.close()
    refused = [line for line in running.log if line.startswith("[API] [conn 127.0.0.1] refused: ")]
    assert len(refused) == 4
    assert not any("\n" in line or len(line) > 300 for line in refused)
    _, info = await running.get("/v3/info")
    assert info["refusals"] == {"bad_protocol": 4}


async def test_a_crash_of_a_call_is_logged_and_counted(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError("bug")

    monkeypatch.setattr(api, "_whole_number", crash)
    async with running.http.get(f"http://{running.server.api_address}/v3/paths/list") as response:
        assert response.status == 500
    assert any("[API] Error handling request" in line for line in running.log)
    assert running.server.refusals[Reason.INTERNAL] == 1
