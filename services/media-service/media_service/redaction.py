"""Keeps credentials out of what is logged and reported."""

import re

_TO_THE_HOST = r"[^/?#@:\s'\"]*:(?:(?!://)[^\s'\"])*"
"""To the last ``@``: a password that nobody has encoded may hold ``/``, ``?`` and ``@`` as well.

So a path with an ``@`` behind a port is left out too; better too much than half a password.
"""
_USER = r"[^/\s'\"]*"
_USER_INFO = re.compile(rf"(?<=://)(?:{_TO_THE_HOST}|{_USER})@")
_SECRET_PARAMETER = re.compile(r"(?i)([?&](?:user|pass|password|token|key|jwt)=)[^&\s'\"]+")


def redacted(text: str) -> str:
    """Return ``text`` with the user, password and tokens of every URL in it left out."""
    return _SECRET_PARAMETER.sub(r"\1***", _USER_INFO.sub("", text))
