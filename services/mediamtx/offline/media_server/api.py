"""The Control API: the calls of MediaMTX that the system uses, with its old and new field names."""

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import BasicAuth, hdrs, web
from aiohttp.http import HttpProcessingError

from media_server import NAME, VERSION
from media_server.auth import Action, Credentials, authorize
from media_server.config import Address, Config
from media_server.errors import Reason, Refused
from media_server.log import LOGGER
from media_server.paths import Client, PathTable, Publication

_DEFAULT_PAGE_ITEMS = 100
_SHUTDOWN_S = 0.2
_MAX_REASON_CHARACTERS = 200


class ControlApi:
    """The HTTP server of the Control API."""

    def __init__(self, config: Config, paths: PathTable, refusals: Counter[Reason]) -> None:
        self._config = config
        self._paths = paths
        self._refusals = refusals
        self._started_at = datetime.now(UTC)
        self._started_s = time.monotonic()
        self._runner: web.AppRunner | None = None

    async def start(self, address: Address) -> Address:
        """Listen on ``address`` and return it with the port that was really taken.

        Raises:
            OSError: the port is taken or the address is none of this host's.
        """
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.get("/v3/paths/list", self._list_paths),
                web.get("/v3/paths/get/{name:.+}", self._get_path),
                web.get("/v3/config/global/get", self._get_global_config),
                web.get("/v3/info", self._get_info),
            ]
        )
        application.on_response_prepare.append(_name_server)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            logger=_http_logger(self._refusals),
            shutdown_timeout=_SHUTDOWN_S,
            keepalive_timeout=75,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, address.host or None, address.port, reuse_address=True)
        await site.start()
        bound = Address(address.host, self._runner.addresses[0][1])
        LOGGER.info("[API] listener opened on %s", bound)
        return bound

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Check permission, and give every error the form that MediaMTX gives it."""
        try:
            authorize(self._config.users, _credentials(request), Action.API)
            return await handler(request)
        except Refused as refusal:
            self._refusals[refusal.reason] += 1
            LOGGER.info("[API] [conn %s] refused: %s", request.remote, refusal)
            challenge: dict[str, str] = {hdrs.WWW_AUTHENTICATE: 'Basic realm="mediamtx"'}
            return _error(401, "authentication error", challenge)
        except web.HTTPException as error:
            return _error(error.status, error.reason.lower())

    async def _list_paths(self, request: web.Request) -> web.Response:
        items_per_page = _whole_number(request, "itemsPerPage", _DEFAULT_PAGE_ITEMS)
        page = _whole_number(request, "page", 0)
        if items_per_page == 0:
            raise web.HTTPBadRequest(reason="invalid items per page")
        items = [_path(publication) for publication in self._paths]
        start = page * items_per_page
        return web.json_response(
            {
                "itemCount": len(items),
                "pageCount": -(-len(items) // items_per_page),
                "items": items[start : start + items_per_page],
            }
        )

    async def _get_path(self, request: web.Request) -> web.Response:
        publication = self._paths.get(request.match_info["name"])
        if publication is None:
            return _error(404, "path not found")
        return web.json_response(_path(publication))

    async def _get_global_config(self, _request: web.Request) -> web.Response:
        config = self._config
        return web.json_response(
            {
                "logLevel": config.log_level,
                "readTimeout": f"{config.read_timeout_s:g}s",
                "api": config.api,
                "apiAddress": str(config.api_address),
                "rtmp": config.rtmp,
                "rtmpAddress": str(config.rtmp_address),
                "rtsp": config.rtsp,
                "rtspTransports": ["tcp"],
                "rtspAddress": str(config.rtsp_address),
                "hls": False,
                "webrtc": False,
                "srt": False,
            }
        )

    async def _get_info(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "version": f"{NAME} {VERSION}",
                "started": _iso(self._started_at),
                "uptimeSeconds": round(time.monotonic() - self._started_s, 3),
                "refusals": {reason.value: count for reason, count in self._refusals.items()},
            }
        )


class _HttpComplaints(logging.Handler):
    """The HTTP server's errors: what is no HTTP, or a crash of a handler."""

    def __init__(self, refusals: Counter[Reason]) -> None:
        super().__init__()
        self._refusals = refusals

    def emit(self, record: logging.LogRecord) -> None:
        cause = record.exc_info[1] if record.exc_info else None
        if isinstance(cause, HttpProcessingError):
            self._refusals[Reason.BAD_PROTOCOL] += 1
            remote = record.args[0] if isinstance(record.args, tuple) else "unknown"
            said = cause.message.partition("\n")[0][:_MAX_REASON_CHARACTERS]
            LOGGER.warning("[API] [conn %s] refused: %s: %s", remote, type(cause).__name__, said)
        elif record.levelno >= logging.ERROR:
            self._refusals[Reason.INTERNAL] += 1
            LOGGER.error("[API] %s", record.getMessage(), exc_info=record.exc_info)


def _http_logger(refusals: Counter[Reason]) -> logging.Logger:
    # At DEBUG it is said that a first line is no HTTP.
    logger = logging.Logger("media_server.http", level=logging.DEBUG)
    logger.addHandler(_HttpComplaints(refusals))
    return logger


async def _name_server(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = NAME


def _path(publication: Publication) -> dict[str, Any]:
    publisher = publication.publisher
    ready = publication.ready_at is not None
    ready_time = _iso(publication.ready_at) if publication.ready_at is not None else None
    tracks = publication.tracks if ready else ()
    return {
        "name": publication.name,
        "confName": publication.conf_name,
        "source": None if publisher is None else _client(publisher),
        "ready": ready,
        "readyTime": ready_time,
        "available": ready,
        "availableTime": ready_time,
        "online": ready,
        "onlineTime": ready_time,
        "tracks": [track.codec for track in tracks],
        "tracks2": [
            {"codec": track.codec, "codecProps": dict(track.properties)} for track in tracks
        ],
        "bytesReceived": publication.received_bytes,
        "bytesSent": publication.sent_bytes,
        "inboundBytes": publication.received_bytes,
        "outboundBytes": publication.sent_bytes,
        "inboundFramesInError": 0,
        "readers": [_client(reader) for reader in publication.readers],
    }


def _client(client: Client) -> dict[str, str]:
    return {"type": client.kind, "id": client.id}


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"status": "error", "error": message}, status=status, headers=headers)


def _credentials(request: web.Request) -> Credentials:
    header = request.headers.get(hdrs.AUTHORIZATION)
    if header is None:
        return Credentials()
    try:
        presented = BasicAuth.decode(header)
    except ValueError as error:
        raise Refused(Reason.AUTHENTICATION, f"authentication failed: {error}") from error
    return Credentials(presented.login, presented.password)


def _whole_number(request: web.Request, key: str, default: int) -> int:
    value = request.query.get(key, str(default))
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise web.HTTPBadRequest(reason=f"invalid {key}")
    return int(value)
