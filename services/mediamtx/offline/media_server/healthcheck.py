"""Asks the Control API whether the server in this container answers; the exit status says it."""

import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from media_server import config

_TIMEOUT_S = 2.0


def main() -> int:
    """Return 0 when the Control API answers, also when it wants credentials; else 1."""
    settings = config.load(Path(os.environ.get("MTX_CONFIG", "/mediamtx.yml")))
    url = f"http://127.0.0.1:{settings.api_address.port}/v3/info"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S):
            return 0
    except urllib.error.HTTPError:
        return 0
    except OSError as error:
        sys.stderr.write(f"{url}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
