"""A service's Prometheus metrics, read and added up (FR-044)."""

from __future__ import annotations

from collections.abc import Mapping

import requests
from prometheus_client.parser import text_string_to_metric_families

Metrics = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read_metrics(url: str) -> Metrics:
    """Every sample that `url` serves, by name and labels; raises `requests.RequestException`."""
    response = requests.get(url, timeout=5)
    response.raise_for_status()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def total(metrics: Metrics, name: str, labels: Mapping[str, str]) -> float:
    """The sum of the samples of that name whose labels include `labels`; 0 when there is none."""
    wanted = labels.items()
    return sum(
        value for (sample, having), value in metrics.items() if sample == name and wanted <= having
    )
