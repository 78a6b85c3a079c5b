"""Knocking at ports, against small servers on the loopback."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from environment.proofs.endpoints import send_garbage, speaks_rtmp, speaks_rtsp

Handler = Callable[[socket.socket], None]


@contextmanager
def server(handler: Handler) -> Iterator[int]:
    """Serve one connection with ``handler``; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(5)
                handler(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def answer_handshake(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"\x03" + bytes(1000))
    connection.sendall(bytes(536))


def answer_http(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def say_nothing(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def test_a_handshake_in_pieces_is_rtmp() -> None:
    with server(answer_handshake) as port:
        assert speaks_rtmp("127.0.0.1", port)


def test_something_else_is_not_rtmp() -> None:
    with server(answer_http) as port:
        assert not speaks_rtmp("127.0.0.1", port)


def answer_options(connection: socket.socket) -> None:
    assert connection.recv(4096).startswith(b"OPTIONS rtsp://127.0.0.1:")
    connection.sendall(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE, ANNOUNCE, SETUP, ")
    connection.sendall(b"PLAY, RECORD\r\n\r\n")


def answer_options_of_a_player(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE, SETUP, PLAY\r\n\r\n")


def hang_up(connection: socket.socket) -> None:
    connection.recv(4096)


def test_options_in_pieces_are_rtsp() -> None:
    with server(answer_options) as port:
        assert speaks_rtsp("127.0.0.1", port)


@pytest.mark.parametrize("handler", [answer_http, answer_options_of_a_player, hang_up])
def test_something_else_is_not_rtsp(handler: Handler) -> None:
    with server(handler) as port:
        assert not speaks_rtsp("127.0.0.1", port)


def test_silence_is_an_error() -> None:
    with server(say_nothing) as port, pytest.raises(TimeoutError):
        speaks_rtmp("127.0.0.1", port, timeout_s=0.2)


def test_a_refusal_carries_the_answer() -> None:
    with server(answer_http) as port:
        refusal = send_garbage("127.0.0.1", port, b"\xff" * 10, timeout_s=3)
    assert refusal.hung_up
    assert refusal.answer.startswith(b"HTTP/1.1 400")
    assert refusal.after_s == refusal.lasted_s < 3
    assert (refusal.answered_after_s or 9) <= refusal.lasted_s


def test_a_server_that_waits_for_ever_is_found_out() -> None:
    with server(say_nothing) as port:
        refusal = send_garbage("127.0.0.1", port, b"\xff" * 10, timeout_s=0.2)
    assert not refusal.hung_up
    assert refusal.after_s is None
    assert refusal.lasted_s >= 0.2


def test_a_server_that_talks_for_ever_is_heard_so_far_and_no_further() -> None:
    def talk(connection: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection.sendall(b"x" * 4096)

    with server(talk) as port:
        refusal = send_garbage("127.0.0.1", port, b"\xff" * 10, timeout_s=5)
    assert not refusal.hung_up
    assert 65_536 <= len(refusal.answer) < 70_000
    assert refusal.lasted_s < 4


def test_an_answer_without_an_end_counts_from_the_answer() -> None:
    def answer_and_wait(connection: socket.socket) -> None:
        answer_http(connection)
        say_nothing(connection)

    with server(answer_and_wait) as port:
        refusal = send_garbage("127.0.0.1", port, b"\xff" * 10, timeout_s=0.3)
    assert not refusal.hung_up
    assert refusal.after_s == refusal.answered_after_s
    assert (refusal.after_s or 9) < refusal.lasted_s
