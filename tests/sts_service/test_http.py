"""The HTTP side: health, metrics, and requests that are none."""

import asyncio
import json
import logging
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.contracts import FragmentProcessed
from sts_service.app import Service
from sts_service.logs import configure_logging
from sts_service.pool import WorkersState
from tests.sts_service.fake_workers import FakeWorkers
from tests.sts_service.probe import Probe, fragment
from tests.sts_service.served import get, metric
from tests.sts_service.sounds import level


class TestHttp:
    async def test_health_names_the_engines(self, service: Service) -> None:
        response = await get(service, "/health")
        body = response.json()
        assert response.status_code == 200
        assert body["status"] == "healthy"
        assert body["profile"] == "fake"
        assert body["models"] == {"asr": "level", "translation": "words", "tts": "hum"}
        assert (await get(service, "/ready")).status_code == 200

    async def test_health_tells_of_workers_without_engines(
        self, service: Service, workers: FakeWorkers
    ) -> None:
        workers.state = WorkersState(total=2, down=("no model",))
        response = await get(service, "/health")
        assert (response.status_code, response.json()["status"]) == (200, "healthy")
        assert response.json()["workers"] == {"total": 2, "down": ["no model"]}
        workers.state = WorkersState(total=2, down=("no model", "no model"))
        response = await get(service, "/health")
        assert (response.status_code, response.json()["status"]) == (503, "failed")
        assert (await get(service, "/ready")).status_code == 503

    async def test_metrics_count_what_happened(self, opened: Probe, service: Service) -> None:
        for sequence, peak in enumerate((0.1, 0.95)):
            await opened.say("fragment:data", fragment(sequence, level(peak)))
        await opened.expect(FragmentProcessed, 2)
        response = await get(service, "/metrics")
        assert "text/plain" in response.headers["Content-Type"]
        assert metric(service, "sts_fragments_received_total") == 2
        assert metric(service, "sts_fragments_processed_total", status="success") == 1
        assert metric(service, "sts_fragments_processed_total", status="failed") == 1
        assert metric(service, "sts_fragment_processing_seconds_count") == 2
        assert metric(service, "sts_stage_seconds_count", stage="tts") == 1
        assert metric(service, "sts_errors_total", code="MODEL_ERROR") == 1
        assert metric(service, "sts_streams_active") == 1
        assert metric(service, "sts_connections") == 1


async def exchange(service: Service, said: bytes) -> bytes:
    """Send bytes to the port; return what comes back before the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(said)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


class TestGarbage:
    @pytest.mark.parametrize(
        "said",
        [
            b"\x16\x03\x01\x02\x00 hello TLS\r\n\r\n",
            b"GET /health HTTP/9.9.9\r\n\r\n",
            b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"A" * 9000 + b": 1\r\n\r\n",
        ],
    )
    async def test_each_request_that_is_no_http_is_a_line_and_counted(
        self, service: Service, said: bytes
    ) -> None:
        with capture_logs() as lines:
            for _ in range(3):
                assert b"400 Bad Request" in await exchange(service, said)
        assert [line["event"] for line in lines] == ["http_refused"] * 3
        assert all(line["log_level"] == "warning" for line in lines)
        assert all(len(line["reason"]) <= 200 and "\n" not in line["reason"] for line in lines)
        assert lines[0]["remote"] == "127.0.0.1"
        assert metric(service, "sts_http_refused_total") == 3
        assert metric(service, "sts_transport_errors_total") == 0

    async def test_every_bad_engineio_request_is_counted(self, service: Service) -> None:
        for _ in range(3):
            assert (await get(service, "/socket.io/?transport=pigeon")).status_code == 400
            assert (await get(service, "/socket.io/?transport=polling&EIO=3")).status_code == 400
        assert metric(service, "sts_transport_errors_total") == 6

    async def test_a_crash_of_a_handler_shows_its_traceback(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def crash() -> bytes:
            raise ZeroDivisionError("bug")

        monkeypatch.setattr(service.metrics, "exposition", crash)
        with capture_logs() as lines:
            assert (await get(service, "/metrics")).status_code == 500
        (line,) = lines
        assert (line["event"], line["log_level"]) == ("http_failed", "error")
        assert line["exc_info"][0] is ZeroDivisionError


def test_a_logged_traceback_shows_no_locals(capsys: pytest.CaptureFixture[str]) -> None:
    secret = "-".join(("open", "sesame"))
    root = logging.getLogger()
    handlers, level_before = root.handlers[:], root.level
    configure_logging("INFO")
    try:
        _ = len(secret) / 0
    except ZeroDivisionError:
        logging.getLogger("anyone").exception("it happened")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level_before)
    line: Any = json.loads(capsys.readouterr().out)
    (trace,) = line["exception"]
    assert (trace["exc_type"], trace["exc_value"]) == ("ZeroDivisionError", "division by zero")
    assert trace["frames"][-1]["name"] == "test_a_logged_traceback_shows_no_locals"
    assert secret not in json.dumps(line)
