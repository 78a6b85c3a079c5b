"""Starts media-service: ``python3 -m media_service``."""

import asyncio
import sys

from pydantic import ValidationError

from media_service.app import PortTakenError, serve
from media_service.logs import configure_logging, get_logger, written_aside
from media_service.settings import Settings

EXIT_FAILED = 1
EXIT_MISCONFIGURED = 2


def main() -> int:
    """Run the service; return the exit code."""
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        variable = ".".join(str(part) for part in first["loc"]).upper()
        print(f"media-service: {variable}: {first['msg']}", file=sys.stderr)
        return EXIT_MISCONFIGURED
    with written_aside() as output:
        configure_logging(settings.log_level, output)
        return _serve(settings)


def _serve(settings: Settings) -> int:
    try:
        asyncio.run(serve(settings))
    except PortTakenError as error:
        get_logger().error("port_not_bound", port=settings.port, error=str(error))
        return EXIT_FAILED
    except Exception:  # noqa: BLE001 - the process's outermost edge
        get_logger().exception("service_failed")
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
