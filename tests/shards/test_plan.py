"""Which process runs which features."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environment.shards.plan import every_feature, known_seconds, measured, split

NAMES = st.dictionaries(st.text("abc", min_size=1, max_size=6), st.floats(0, 300), max_size=40)


@given(seconds=NAMES, count=st.integers(1, 8))
def test_every_feature_is_run_once(seconds: dict[str, float], count: int) -> None:
    shards = split(seconds, seconds, count)
    assert sorted(name for shard in shards for name in shard) == sorted(seconds)
    assert len(shards) == min(count, len(seconds))


@given(seconds=NAMES, count=st.integers(2, 8))
def test_no_process_has_more_than_its_share_and_one_feature(
    seconds: dict[str, float], count: int
) -> None:
    loads = [
        sum(max(seconds[name], 0.1) for name in shard) for shard in split(seconds, seconds, count)
    ]
    fair = sum(max(took, 0.1) for took in seconds.values()) / count
    assert max(loads, default=0) <= fair + max(seconds.values(), default=0) + 0.2


def test_long_features_are_dealt_out_first() -> None:
    seconds = {"a": 10.0, "b": 60.0, "c": 50.0, "d": 20.0}
    assert split(seconds, seconds, 2) == [["a", "b"], ["c", "d"]]


def test_a_feature_that_was_never_measured_counts_as_one_of_half_a_minute() -> None:
    assert split(["new", "x", "y"], {"x": 20.0, "y": 20.0}, 2) == [["new"], ["x", "y"]]


def test_what_is_known_is_about_features_that_exist() -> None:
    assert set(known_seconds()) <= set(every_feature())


def test_the_suite_is_halved_fairly() -> None:
    seconds = known_seconds()
    loads = [
        sum(seconds.get(name, 30.0) for name in shard)
        for shard in split(every_feature(), seconds, 2)
    ]
    assert max(loads) < 1.1 * min(loads)


@pytest.mark.parametrize("told", ["production.us1_x", "features.production.us1_x"])
def test_seconds_are_read_from_the_files_of_a_run(tmp_path: Path, told: str) -> None:
    (tmp_path / f"TESTS-{told}.xml").write_text(
        '<testsuite><testcase time="1.5"/><testcase time="40.2"/><testcase/></testsuite>'
    )
    assert measured(tmp_path) == {"production/us1_x.feature": pytest.approx(42)}
