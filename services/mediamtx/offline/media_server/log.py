"""Log lines in MediaMTX's format: ``2026/11/21 20:41:00 INF [RTMP] listener opened on :1935``."""

import logging
import sys
from typing import ClassVar

LOGGER = logging.getLogger("media_server")

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING}


class _Formatter(logging.Formatter):
    _NAMES: ClassVar[dict[int, str]] = {
        logging.DEBUG: "DEB",
        logging.INFO: "INF",
        logging.WARNING: "WAR",
        logging.ERROR: "ERR",
        logging.CRITICAL: "ERR",
    }

    def format(self, record: logging.LogRecord) -> str:
        time = self.formatTime(record, "%Y/%m/%d %H:%M:%S")
        line = f"{time} {self._NAMES[record.levelno]} {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure(level: str) -> None:
    """Log to stdout from ``level`` ("debug", "info", "warn" or "error") upwards."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Formatter())
    LOGGER.handlers = [handler]
    LOGGER.propagate = False
    LOGGER.setLevel(_LEVELS.get(level, logging.ERROR))
