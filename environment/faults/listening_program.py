"""Stands where a service is gone, turns everybody away, and notes when they came.

It runs by itself in a container, so it takes nothing but the standard library:
``python3 listening_program.py <port> <control port>``. On the control port ``GET /health`` tells
when each connection came, in Unix seconds.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, ThreadingTCPServer

TURNED_AWAY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
REQUEST_BYTES = 65_536
PATIENCE_S = 5.0


class Listener:
    """Notes each connection to ``port``, and tells of them on ``control_port``.

    A context manager; ports of 0 are chosen by the system.
    """

    def __init__(self, port: int, control_port: int) -> None:
        came_at: list[float] = []

        class Door(BaseRequestHandler):
            def handle(self) -> None:
                came_at.append(time.time())
                self.request.settimeout(PATIENCE_S)
                try:
                    self.request.recv(REQUEST_BYTES)
                    self.request.sendall(TURNED_AWAY)
                except OSError:
                    # Whoever came has gone already; that it came is noted.
                    return

        class Told(BaseHTTPRequestHandler):
            timeout = PATIENCE_S

            def do_GET(self) -> None:
                body = json.dumps({"status": "healthy", "came_at": came_at}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self._servers = (
            ThreadingTCPServer(("", port), Door),
            ThreadingHTTPServer(("", control_port), Told),
        )
        self.port, self.control_port = (server.server_address[1] for server in self._servers)

    def __enter__(self) -> Listener:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


if __name__ == "__main__":
    with Listener(int(sys.argv[1]), int(sys.argv[2])):
        threading.Event().wait()
