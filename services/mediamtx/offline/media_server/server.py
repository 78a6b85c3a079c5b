"""The whole server: its parts, started and stopped in the right order."""

import asyncio
from collections import Counter

from media_server import NAME, VERSION
from media_server.api import ControlApi
from media_server.config import Address, Config
from media_server.errors import Reason
from media_server.listener import Listener
from media_server.log import LOGGER
from media_server.paths import PathTable
from media_server.recorder import Recorder
from media_server.rtmp_session import RtmpSession
from media_server.rtsp_session import RtspSession


class MediaServer:
    """Listeners, Control API, table of paths and recorder of one process."""

    def __init__(self, config: Config) -> None:
        self.refusals: Counter[Reason] = Counter()
        self.rtmp_address: Address | None = None
        self.rtsp_address: Address | None = None
        self.api_address: Address | None = None
        self._config = config
        self._recorder = Recorder()
        self._paths = PathTable(config.paths, self._recorder)
        self._rtmp = Listener(
            RtmpSession.protocol,
            lambda connection: RtmpSession(connection, config, self._paths),
            self.refusals,
        )
        self._rtsp = Listener(
            RtspSession.protocol,
            lambda connection: RtspSession(connection, config, self._paths),
            self.refusals,
        )
        self._api = ControlApi(config, self._paths, self.refusals)

    async def start(self) -> None:
        """Open every listener that the configuration asks for.

        Raises:
            OSError: an address cannot be listened on.
        """
        served = "RTMP, RTSP over TCP, Control API, FLV"
        LOGGER.info("%s %s: a stand-in for MediaMTX (%s)", NAME, VERSION, served)
        if self._config.rtmp:
            self.rtmp_address = await self._rtmp.start(self._config.rtmp_address)
        if self._config.rtsp:
            self.rtsp_address = await self._rtsp.start(self._config.rtsp_address)
        if self._config.api:
            self.api_address = await self._api.start(self._config.api_address)

    async def stop(self) -> None:
        """End every session, close every recording, close every listener; well under a second."""
        LOGGER.info("shutting down gracefully")
        await asyncio.gather(self._rtmp.stop(), self._rtsp.stop())
        await self._paths.settle()
        await self._recorder.close()
        await self._api.stop()
        counts = ", ".join(f"{reason} {count}" for reason, count in self.refusals.items())
        LOGGER.info("stopped; refused: %s", counts or "none")
