"""Starts media-service: ``python3 -m media_service``."""

import asyncio
import sys

from pydantic import ValidationError

from media_service import logs
from media_service.app import serve
from media_service.settings import Settings

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
    logs.configure(settings.log_level)
    asyncio.run(serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
