"""``python3 -m sts_service``: reads the environment and serves until told to stop."""

import asyncio
import sys

from sts_service.app import serve
from sts_service.library_environment import prepare_environment
from sts_service.logs import configure_logging, written_aside
from sts_service.settings import SettingsError, read_settings


def main() -> int:
    """Run the service; 2 means that a variable has an unusable value."""
    try:
        settings = read_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    configure_logging(settings.log_level)
    prepare_environment()
    with written_aside():
        return asyncio.run(serve(settings))


if __name__ == "__main__":
    sys.exit(main())
