from __future__ import annotations

from types import SimpleNamespace

import pytest
import requests

from environment.stack.metrics import MetricMissing, read_metrics, total

PAGE = """# HELP fragments_total Fragments.
# TYPE fragments_total counter
fragments_total{status="success"} 4.0
fragments_total{status="failed"} 1.0
# HELP inflight In flight.
# TYPE inflight gauge
inflight 2.0
# HELP failures_total Failures.
# TYPE failures_total counter
# HELP took_seconds Time.
# TYPE took_seconds histogram
"""


def test_samples_are_read_and_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = SimpleNamespace(text=PAGE, raise_for_status=lambda: None)
    monkeypatch.setattr(requests, "get", lambda _url, timeout: answer)
    metrics = read_metrics("http://127.0.0.1:8080/metrics")
    assert total(metrics, "fragments_total", {"status": "failed"}) == 1
    assert total(metrics, "fragments_total", {}) == 5
    assert total(metrics, "inflight", {}) == 2
    assert total(metrics, "fragments_total", {"status": "partial"}) == 0
    assert total(metrics, "failures_total", {"reason": "any"}) == 0
    assert total(metrics, "failures_total", {}) == total(metrics, "took_seconds_sum", {}) == 0


def test_a_metric_that_is_gone_does_not_read_0(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = SimpleNamespace(text=PAGE, raise_for_status=lambda: None)
    monkeypatch.setattr(requests, "get", lambda _url, timeout: answer)
    metrics = read_metrics("http://127.0.0.1:8080/metrics")
    for name in ("unheard_of", "failures", "inflight_total"):
        with pytest.raises(MetricMissing, match=f"no metric {name}"):
            total(metrics, name, {})
