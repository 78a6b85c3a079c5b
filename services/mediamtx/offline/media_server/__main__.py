"""Runs the media server until SIGTERM or SIGINT: ``python3 -m media_server``."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from media_server import config, log
from media_server.server import MediaServer

_CONFIG_FILE = "/mediamtx.yml"
_EXIT_UNUSABLE = 2


async def _serve(settings: config.Config) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = MediaServer(settings)
    await server.start()
    try:
        await stop.wait()
    finally:
        await server.stop()


def main() -> int:
    """Return the exit status: 0 after a signal, 2 when the configuration or a port is unusable."""
    log.configure("info")
    try:
        settings = config.load(Path(os.environ.get("MTX_CONFIG", _CONFIG_FILE)))
        log.configure(settings.log_level)
        asyncio.run(_serve(settings))
    except (config.ConfigError, OSError) as error:
        log.LOGGER.error("%s", error)
        return _EXIT_UNUSABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
