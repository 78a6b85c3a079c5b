"""Whether an HTTP endpoint answers well, and in words what it answers instead."""

from __future__ import annotations

from typing import Final

import requests

from environment.waiting import NotYet

_TIMEOUT_S: Final = 2.0
_QUOTED_CHARACTERS: Final = 200


def check_ok(url: str) -> bool:
    """True when `url` answers 2xx; raises `NotYet` with what was seen when it does not."""
    try:
        response = requests.get(url, timeout=_TIMEOUT_S)
    except requests.RequestException as error:
        raise NotYet(f"no answer from {url} ({type(error).__name__})") from error
    if not response.ok:
        said = response.text[:_QUOTED_CHARACTERS]
        raise NotYet(f"HTTP {response.status_code} from {url}: {said}")
    return True


def is_ok(url: str) -> bool:
    """Whether `url` answers 2xx right now."""
    try:
        return check_ok(url)
    except NotYet:
        return False
