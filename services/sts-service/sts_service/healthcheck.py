"""The container's health check: ``python3 -m sts_service.healthcheck`` asks ``/health``."""

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

_TIMEOUT_S = 2.5


def main() -> int:
    """Return 0 when the service on this machine is healthy, else 1 and say why."""
    # Not the settings: loading them takes longer than asking.
    url = f"http://127.0.0.1:{os.environ.get('PORT') or 3000}/health"
    try:
        with urlopen(url, timeout=_TIMEOUT_S):
            return 0
    except URLError as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
