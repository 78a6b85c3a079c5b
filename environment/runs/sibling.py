"""Another pair of compose projects beside the session's own, for what would disturb that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from environment.stack.compose import ComposeStack

_FAST: Final[dict[str, Any]] = {"sts_profile": "embedded", "sts_workers": 1}
"""What is said in them is not the point: the engines that load fastest will do."""


@contextmanager
def sibling_projects(stack: ComposeStack, name: str, **changes: object) -> Iterator[ComposeStack]:
    """A pair with names, networks and ports of its own, not started; taken down with the context.

    `changes` are fields of `Settings`.
    """
    pair = stack.sibling(name, **{**_FAST, **changes})
    try:
        yield pair
    finally:
        pair.down()
