"""Whether a stream's source is there, as the media server tells it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from media_service.discovery import PublishedPath


class Presence:
    """The source of one stream; ``published`` is None while nobody can tell.

    ``gone_at`` is the Unix time at which it was last there, where it was seen to be missing.
    """

    def __init__(
        self, source: PublishedPath, *, published: bool | None, gone_at: float | None = None
    ) -> None:
        self.source = source
        self.published = published
        self.gone_at = gone_at
        self._changed = asyncio.Event()

    def seen(self, source: PublishedPath) -> None:
        """Take note that it is there."""
        self._become(source, published=True)
        self.gone_at = None

    def missed(self) -> None:
        """Take note that it is not."""
        if self.gone_at is None:
            self.gone_at = time.time()
        self._become(self.source, published=False)

    def lost(self) -> None:
        """Take note that the media server cannot be asked."""
        self._become(self.source, published=None)

    def may_be(self, source: PublishedPath, *, within_s: float) -> bool:
        """Whether a publication of the path is this one, or follows it closely enough."""
        if source.key == self.source.key or self.gone_at is None:
            return True
        ready_at = time.time() if source.ready_at is None else source.ready_at
        return ready_at - self.gone_at <= within_s

    def change(self) -> Coroutine[Any, Any, object]:
        """Return what waits until anything of this is different from how it is at this call.

        A task may begin to wait later than it was made; what changes in between counts as well.
        """
        return self._changed.wait()

    def _become(self, source: PublishedPath, *, published: bool | None) -> None:
        if (source.key, published) != (self.source.key, self.published):
            self.source, self.published = source, published
            self._changed.set()
            self._changed = asyncio.Event()
