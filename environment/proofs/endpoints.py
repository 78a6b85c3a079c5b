"""Knocking at published ports: who answers on the host, and what."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import requests

from environment.waiting import NotYet, wait_for

if TYPE_CHECKING:
    from environment.stack.containers import ServiceContainer

RTMP_VERSION: Final = 3
_HANDSHAKE_BYTES: Final = 1536
_MAX_ANSWER_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; ``after_s`` counts from the first question to this answer."""

    url: str
    status: int
    body: Any
    after_s: float


def ask(url: str, *, timeout_s: float = 5.0) -> Answer:
    """GET a JSON document, whatever its status. Raises ``requests.RequestException``."""
    begun = time.monotonic()
    response = requests.get(url, timeout=timeout_s)
    body = response.json() if "json" in response.headers.get("Content-Type", "") else response.text
    return Answer(url, response.status_code, body, time.monotonic() - begun)


def ask_until_ok(container: ServiceContainer, path: str, *, timeout_s: float) -> Answer:
    """Ask over the published port until the status is 200. Raises ``WaitTimeout``."""
    begun = time.monotonic()
    url = container.url(path)

    def probe() -> Answer:
        try:
            answer = ask(url)
        except requests.RequestException as error:
            raise NotYet(str(error)) from error
        if answer.status != requests.codes.ok:
            raise NotYet(f"{answer.status} {answer.body}")
        return Answer(url, answer.status, answer.body, time.monotonic() - begun)

    return wait_for(f"200 from {url}", probe, timeout_s=timeout_s)


def speaks_rtmp(host: str, port: int, *, timeout_s: float = 5.0) -> bool:
    """Whether who listens there answers an RTMP handshake (C0, C1) with S0 and S1.

    Raises ``OSError`` when nobody takes the connection, or nobody answers in time.
    """
    hello = bytes([RTMP_VERSION]) + bytes(8) + os.urandom(_HANDSHAKE_BYTES - 8)
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.sendall(hello)
        answer = b""
        while len(answer) < len(hello):
            received = connection.recv(len(hello) - len(answer))
            if not received:
                return False
            answer += received
    return answer[0] == RTMP_VERSION


def speaks_rtsp(host: str, port: int, *, timeout_s: float = 5.0) -> bool:
    """Whether who listens there offers, asked with RTSP's OPTIONS, to publish and to play.

    Raises ``OSError`` when nobody takes the connection, or nobody answers in time.
    """
    asked = f"OPTIONS rtsp://{host}:{port}/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.sendall(asked.encode())
        answer = b""
        while b"\r\n\r\n" not in answer and len(answer) < _MAX_ANSWER_BYTES:
            received = connection.recv(4096)
            if not received:
                return False
            answer += received
    offered = answer.partition(b"\r\n\r\n")[0]
    methods = (b"ANNOUNCE", b"RECORD", b"DESCRIBE", b"PLAY")
    return offered.startswith(b"RTSP/1.0 200") and all(method in offered for method in methods)


def published_ports(container: ServiceContainer) -> dict[int, int]:
    """Map each published TCP port of the container to its host port, as the engine sees it."""
    published = container.inspect()["NetworkSettings"]["Ports"] or {}
    return {
        int(inner.partition("/")[0]): int(bindings[0]["HostPort"])
        for inner, bindings in published.items()
        if bindings and inner.endswith("/tcp")
    }


@dataclass(frozen=True)
class Refusal:
    """How a server took bytes it cannot understand: what it answered, whether it hung up.

    Seconds count from when the bytes were sent. ``answered_after_s`` is None without an answer;
    ``lasted_s`` is when the connection ended, or, if the server kept it, when time was up.
    """

    answer: bytes
    hung_up: bool
    answered_after_s: float | None
    lasted_s: float

    @property
    def after_s(self) -> float | None:
        """When the server hung up or, if it only answered, answered; None: it did neither."""
        return self.lasted_s if self.hung_up else self.answered_after_s


def send_garbage(host: str, port: int, garbage: bytes, *, timeout_s: float) -> Refusal:
    """Send bytes over TCP and listen until the server hangs up, or time or patience is up.

    Patience is 64 KiB of answer: a server that talks on for ever has not hung up.
    The sending side stays open: a server that waits for more for ever is found out.
    Raises ``OSError`` when nobody takes the connection.
    """
    answer, hung_up = bytearray(), False
    answered_after_s: float | None = None
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        begun = time.monotonic()
        try:
            connection.sendall(garbage)
            while not hung_up and len(answer) < _MAX_ANSWER_BYTES:
                # `TimeoutError` once the time is up; 0 would mean not to wait at all.
                connection.settimeout(max(begun + timeout_s - time.monotonic(), 1e-6))
                received = connection.recv(4096)
                if received and not answer:
                    answered_after_s = time.monotonic() - begun
                answer += received
                hung_up = not received
        except TimeoutError:
            pass
        except (ConnectionResetError, BrokenPipeError):
            hung_up = True
        return Refusal(bytes(answer), hung_up, answered_after_s, time.monotonic() - begun)
