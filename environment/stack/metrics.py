"""A service's Prometheus metrics, read and added up (FR-044)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import requests
from prometheus_client.parser import text_string_to_metric_families

from environment.errors import HarnessError

Labels = frozenset[tuple[str, str]]
Metrics = dict[tuple[str, Labels], float]

_SUFFIXES: Final = {"counter": ("_total",), "gauge": ("",), "histogram": ("_count", "_sum")}
"""What the names of the samples have behind the family's, by its type."""


class MetricMissing(HarnessError):  # noqa: N818 - the family's way of naming
    """A service has no metric of that name: it would read 0 for ever."""


def read_metrics(url: str) -> Metrics:
    """Every sample that `url` serves, by name and labels; raises `requests.RequestException`.

    A metric with labels of which none was ever seen has no sample: it is there, as a 0 without
    labels.
    """
    response = requests.get(url, timeout=5)
    response.raise_for_status()
    samples: Metrics = {}
    for family in text_string_to_metric_families(response.text):
        if not family.samples:
            names = (family.name + suffix for suffix in _SUFFIXES.get(family.type, ()))
            samples |= {(name, frozenset()): 0.0 for name in names}
        for sample in family.samples:
            samples[sample.name, frozenset(sample.labels.items())] = sample.value
    return samples


def total(
    metrics: Mapping[tuple[str, Labels], float], name: str, labels: Mapping[str, str]
) -> float:
    """The sum of the samples of that name whose labels include `labels`.

    0 where these labels were never seen. Raises `MetricMissing` where no sample has that name.
    """
    samples = [(having, value) for (sample, having), value in metrics.items() if sample == name]
    if not samples:
        raise MetricMissing(
            f"There is no metric {name}.", remedy="look for its new name in the service's /metrics."
        )
    return sum(value for having, value in samples if labels.items() <= having)
