"""Watching the wire: every Socket.IO event that sts-service received or sent."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable

import aiohttp
import socketio

from environment.runs.observations import Observation, Observations, Sender
from environment.waiting import NotYet, wait_for
from services.contracts import OBSERVE_NAMESPACE, OBSERVED_EVENT

CONNECT_TIMEOUT_S = 5.0
RECONNECT_PAUSE_S = 0.3
MAX_MESSAGE_BYTES = 32 * 1024 * 1024

log = logging.getLogger(__name__)


class Observer:
    """A background client of sts-service's ``/observe``; thread-safe, bounded, reconnecting.

    It keeps at most ``keep_events`` events and ``keep_bytes`` of their audio, the newest of them.
    After sts-service was away it connects again by itself; ``outages`` tells when it was blind.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str = "",
        socketio_path: str = "/socket.io",
        keep_events: int = 20_000,
        keep_bytes: int = 512 * 1024 * 1024,
    ) -> None:
        self.url = url
        self._auth = {"token": api_key} if api_key else None
        self._socketio_path = socketio_path.strip("/")
        self._seen = Observations(keep_events, keep_bytes)
        self._lock = threading.Lock()
        self._outages: deque[tuple[float, float | None]] = deque(maxlen=1000)
        self._connected = threading.Event()
        self._last_error = "no attempt yet"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def start(self, timeout_s: float = 10.0) -> None:
        """Connect; returns once events will be seen. Raises ``WaitTimeout``."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=lambda: asyncio.run(self._watch()), name="observer", daemon=True
            )
            self._thread.start()
        self.wait_connected(timeout_s)

    def wait_connected(self, timeout_s: float) -> None:
        """Wait until events are being seen (again). Raises ``WaitTimeout``."""

        def probe() -> bool:
            if self._connected.is_set():
                return True
            raise NotYet(self._last_error)

        wait_for(
            f"the observer to be connected to {self.url}{OBSERVE_NAMESPACE}",
            probe,
            timeout_s=timeout_s,
            interval_s=0.02,
        )

    def close(self) -> None:
        """Disconnect and end the background thread. Safe to call twice."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._leave is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._leave.set)
        thread.join(timeout=CONNECT_TIMEOUT_S + 2)

    @property
    def connected(self) -> bool:
        """Whether events are being seen right now."""
        return self._connected.is_set()

    @property
    def dropped(self) -> int:
        """How many of the oldest events were let go because a bound was reached."""
        return self._seen.dropped

    @property
    def outages(self) -> list[tuple[float, float | None]]:
        """When the observer was blind: from and to in Unix seconds; None: still is."""
        with self._lock:
            return list(self._outages)

    def events(
        self,
        stream_id: str | None = None,
        event: str | None = None,
        sender: Sender | None = None,
        *,
        since: float = 0.0,
    ) -> list[Observation]:
        """Return the events seen so far that match, oldest first; ``since`` in Unix seconds."""
        return self._seen.events(stream_id, event, sender, since)

    def forget(self, stream_id: str) -> None:
        """Let the events of a stream go that is over, and of which all was taken that is needed.

        Its sound would push out what others still want to see.
        """
        self._seen.forget(stream_id)

    def wait_for_event(
        self,
        stream_id: str | None,
        event: str,
        *,
        sender: Sender | None = None,
        count: int = 1,
        timeout_s: float,
        alive: Callable[[], None] | None = None,
    ) -> list[Observation]:
        """Wait until ``count`` such events have been seen; return all of them.

        ``alive`` raises when waiting has become pointless. Raises ``WaitTimeout``, which says
        how many were seen, and which other events.
        """

        def probe() -> list[Observation]:
            seen = self.events(stream_id, event, sender)
            if len(seen) >= count:
                return seen
            others = sorted({other.event.event for other in self.events(stream_id)})
            raise NotYet(f"{len(seen)} of them; events of that stream: {', '.join(others)}")

        of_stream = f" of stream {stream_id}" if stream_id else ""
        return wait_for(
            f"{count} x {event}{of_stream} on the wire",
            probe,
            timeout_s=timeout_s,
            interval_s=0.05,
            alive=alive,
        )

    def violations(self, stream_id: str | None = None, *, since: float = 0.0) -> list[str]:
        """Say of each event that breaks the contract which it is, and how it breaks it.

        Repetitions that were not even a valid ``observed`` event belong to no stream and are
        always told.
        """
        broken = [
            f"{seen.event.sender} {seen.event.event} at {seen.at:.3f}: {seen.violation}"
            for seen in self.events(stream_id, since=since)
            if seen.violation
        ]
        return [*broken, *self._seen.malformed()]

    async def _watch(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._leave = asyncio.Event()
        while not self._leave.is_set():
            # Handed over, since the library leaves its own one open when it cannot connect.
            async with aiohttp.ClientSession() as http:
                await self._one_connection(self._leave, http)
            try:
                await asyncio.wait_for(self._leave.wait(), RECONNECT_PAUSE_S)
            except TimeoutError:
                continue

    async def _one_connection(self, leave: asyncio.Event, http: aiohttp.ClientSession) -> None:
        # The library's own reconnection gives up when the server closes the namespace in an
        # orderly way, which is what a restarted sts-service does.
        client = socketio.AsyncClient(
            reconnection=False,
            handle_sigint=False,
            http_session=http,
            websocket_extra_options={"max_msg_size": MAX_MESSAGE_BYTES},
        )
        lost = asyncio.Event()

        def disconnected(*_reason: object) -> None:
            lost.set()

        client.on("disconnect", disconnected, namespace=OBSERVE_NAMESPACE)
        client.on(OBSERVED_EVENT, self._observed, namespace=OBSERVE_NAMESPACE)
        try:
            await asyncio.wait_for(
                client.connect(
                    self.url,
                    auth=self._auth,
                    namespaces=[OBSERVE_NAMESPACE],
                    transports=["websocket"],
                    socketio_path=self._socketio_path,
                ),
                CONNECT_TIMEOUT_S,
            )
            self._seeing()
            waits = [asyncio.ensure_future(event.wait()) for event in (leave, lost)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for waiting in waits:
                waiting.cancel()
        except (socketio.exceptions.ConnectionError, OSError, TimeoutError, ValueError) as error:
            self._last_error = f"{type(error).__name__}: {error}"
        finally:
            self._blind(leaving=leave.is_set())
            try:
                await asyncio.wait_for(client.shutdown(), CONNECT_TIMEOUT_S)
            except TimeoutError:
                log.warning("observer_disconnect_timed_out url=%s", self.url)

    def _seeing(self) -> None:
        with self._lock:
            if self._outages and self._outages[-1][1] is None:
                self._outages[-1] = (self._outages[-1][0], time.time())
        self._connected.set()

    def _blind(self, *, leaving: bool) -> None:
        if self._connected.is_set():
            self._connected.clear()
            self._last_error = "the connection was lost"
            if not leaving:
                with self._lock:
                    self._outages.append((time.time(), None))

    def _observed(self, data: object) -> None:
        self._seen.take(data, time.time())
