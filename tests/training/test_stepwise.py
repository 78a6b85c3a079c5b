"""The schedule of a training."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from fixtures.training.stepwise import Schedule, mean_weights, seed_of


def test_the_rate_rises_then_falls_to_nearly_nothing() -> None:
    schedule = Schedule(steps=1000, peak_rate=0.002, warmup_steps=100)
    rates = [schedule.rate(step) for step in range(1000)]
    assert rates.index(max(rates)) == 99
    assert max(rates) == pytest.approx(0.002, rel=0.11)
    assert rates[-1] == pytest.approx(0.002 * schedule.last_part)


def test_a_single_step_has_a_rate() -> None:
    assert Schedule(steps=1, peak_rate=0.001, warmup_steps=1).rate(0) == 0.001


def test_steps_and_seeds_do_not_share_their_seeds() -> None:
    seeds = {seed_of(seed, step) for seed in range(5) for step in range(5000)}
    assert len(seeds) == 25_000


def test_the_mean_of_weights_is_taken_name_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {"1.pt": {"model": {"a": 1.0, "b": 4.0}}, "2.pt": {"model": {"a": 3.0, "b": 8.0}}}
    torch = SimpleNamespace(load=lambda path, weights_only: kept[path.name])
    monkeypatch.setitem(sys.modules, "torch", torch)
    both = [tmp_path / name for name in kept]
    assert mean_weights(both) == {"a": 2.0, "b": 6.0}
    assert mean_weights(both[1:]) == {"a": 3.0, "b": 8.0}
