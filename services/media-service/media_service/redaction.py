"""Keeps credentials out of what is logged and reported."""

import re

_USER_INFO = re.compile(r"(?<=://)[^/@\s'\"]+@")
_SECRET_PARAMETER = re.compile(r"(?i)([?&](?:user|pass|password|token|key|jwt)=)[^&\s'\"]+")


def redacted(text: str) -> str:
    """Return ``text`` with the user, password and tokens of every URL in it left out."""
    return _SECRET_PARAMETER.sub(r"\1***", _USER_INFO.sub("", text))
