"""Who may do what: MediaMTX's internal authentication, without address restrictions."""

import hmac
import re
from dataclasses import dataclass
from enum import StrEnum

from media_server.config import Permission, User
from media_server.errors import Reason, Refused


class Action(StrEnum):
    """What the stand-in asks permission for."""

    PUBLISH = "publish"
    READ = "read"
    API = "api"


@dataclass(frozen=True)
class Credentials:
    """What a peer presented; empty when it presented nothing."""

    user: str = ""
    password: str = ""


def authorize(
    users: tuple[User, ...], credentials: Credentials, action: Action, path: str = ""
) -> None:
    """Accept the action when any user that the credentials match is permitted it.

    Raises:
        Refused: nobody is.
    """
    for user in users:
        if _matches(user, credentials) and any(
            _permits(permission, action, path) for permission in user.permissions
        ):
            return
    where = f" path {path[:80]!r}" if path else ""
    raise Refused(Reason.AUTHENTICATION, f"authentication failed: may not {action}{where}")


def _matches(user: User, credentials: Credentials) -> bool:
    if user.name == "any":
        return True
    return hmac.compare_digest(
        f"{user.name}\0{user.password}".encode(),
        f"{credentials.user}\0{credentials.password}".encode(),
    )


def _permits(permission: Permission, action: Action, path: str) -> bool:
    if permission.action != action:
        return False
    if permission.path.startswith("~"):
        return re.search(permission.path[1:], path) is not None
    return permission.path in ("", path)
