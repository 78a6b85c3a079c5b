"""The container's health check: exit status 0 while ``GET /health`` answers 200."""

import os
import sys
from http.client import HTTPConnection, HTTPException

TIMEOUT_S = 2.0


def main() -> int:
    """Ask the service in this container; return 0 for healthy."""
    connection = HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8080")), timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/health")
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, HTTPException):
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
