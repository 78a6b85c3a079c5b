from __future__ import annotations

import pytest

from environment.stack.addresses import Endpoint, resolve, resolve_inside

ENDPOINTS = (
    Endpoint(frozenset({"e2e-mediamtx", "mediamtx"}), 1935, 1935, "127.0.0.1", 21935),
    Endpoint(frozenset({"e2e-media-service", "media-service"}), 8080, 8080, "127.0.0.1", 28080),
    Endpoint(frozenset({"sts-service"}), 3000, 3000, "127.0.0.1", 23000),
)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("rtmp://localhost:1935/live/test/in", "rtmp://127.0.0.1:21935/live/test/in"),
        ("rtmp://localhost/live/test/in", "rtmp://127.0.0.1:21935/live/test/in"),
        ("rtmp://mediamtx:1935/live/test/in", "rtmp://127.0.0.1:21935/live/test/in"),
        ("http://localhost:8080/health", "http://127.0.0.1:28080/health"),
        ("http://127.0.0.1:28080/health", "http://127.0.0.1:28080/health"),
        ("http://sts-service:3000", "http://127.0.0.1:23000"),
        ("http://me:pw@media-service:8080/a?b=c#d", "http://me:pw@127.0.0.1:28080/a?b=c#d"),
        ("http://sts-service:8000", "http://sts-service:8000"),
        ("http://sts-prod:8000/x", "http://sts-prod:8000/x"),
        ("http://localhost:4711", "http://localhost:4711"),
    ],
)
def test_the_text_s_url_becomes_this_run_s(said: str, meant: str) -> None:
    assert resolve(said, ENDPOINTS) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("http://localhost:3000", "http://host.docker.internal:23000"),
        ("http://localhost:4711/x", "http://host.docker.internal:4711/x"),
        ("http://sts-service:3000", "http://sts-service:3000"),
        ("http://sts-prod:8000", "http://sts-prod:8000"),
    ],
)
def test_inside_a_container_the_host_has_another_name(said: str, meant: str) -> None:
    assert resolve_inside(said, ENDPOINTS) == meant
