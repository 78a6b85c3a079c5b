"""How a command of the harness ends: with a status, and with one line where it cannot be done."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import requests
from docker.errors import APIError, DockerException

from environment.errors import HarnessError
from environment.provision.bootstrap import refusal

EXIT_CANNOT: Final = 2
EXIT_INTERRUPTED: Final = 130


def ended(command: Callable[[], int]) -> int:
    """Run a command; its exit status, or 2 with one line on stderr when it cannot be done."""
    try:
        return command()
    except HarnessError as error:
        print(error, file=sys.stderr)
    except (DockerException, requests.RequestException) as error:
        reason = error.explanation if isinstance(error, APIError) else None
        print(
            f"The Docker engine failed: {reason or error}. Remedy: see its log, run this again.",
            file=sys.stderr,
        )
    except OSError as error:
        print(refusal(error), file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_CANNOT
