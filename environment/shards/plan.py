"""Which process runs which features, so that all end at about the same time."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from environment.settings import REPO_ROOT

FEATURES: Final = REPO_ROOT / "features"
SECONDS: Final = Path(__file__).with_name("seconds.json")
"""How long each feature takes; ``python -m environment.shards.plan`` writes it anew."""
UNKNOWN_S: Final = 30.0
"""What a feature that was never measured is taken to need."""


def every_feature(root: Path = FEATURES) -> list[str]:
    """Every feature file, by its path below ``root``."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.feature"))


def known_seconds(path: Path = SECONDS) -> dict[str, float]:
    """How long each feature took when it was last measured."""
    return {str(name): float(seconds) for name, seconds in json.loads(path.read_text()).items()}


def split(features: Iterable[str], seconds: Mapping[str, float], count: int) -> list[list[str]]:
    """Deal the features out to ``count`` processes: the longest first, to who has least to do.

    Each process runs its features in the order of their names, as one process runs them all; a
    process that would have none is left out.
    """
    loads = [0.0] * count
    shards: list[list[str]] = [[] for _ in range(count)]
    for name in sorted(features, key=lambda name: (-seconds.get(name, UNKNOWN_S), name)):
        least = loads.index(min(loads))
        shards[least].append(name)
        # A feature of which everything is left out costs its reading all the same.
        loads[least] += max(seconds.get(name, UNKNOWN_S), 0.1)
    return [sorted(shard) for shard in shards if shard]


def measured(results: Path) -> dict[str, float]:
    """How long each feature took, from a run's JUnit files; those left out say nothing."""
    took: dict[str, float] = {}
    for path in sorted(results.glob("TESTS-*.xml")):
        # behave names a feature from where it was told to look: at all of them, or at one.
        name = path.stem.removeprefix("TESTS-").removeprefix("features.").replace(".", "/")
        cases = list(ET.parse(path).getroot().iter("testcase"))  # noqa: S314 - of our own run
        if all(case.get("status") == "skipped" for case in cases):
            continue
        took[f"{name}.feature"] = round(sum(float(case.get("time") or 0) for case in cases))
    return took


if __name__ == "__main__":
    found = measured(REPO_ROOT / "artifacts" / "results" / "behave")
    known = {name: took for name, took in known_seconds().items() if name in every_feature()}
    SECONDS.write_text(json.dumps(known | found, indent=2, sort_keys=True) + "\n")
