"""The schedule of a training."""

import pytest

from fixtures.training.stepwise import Schedule, seed_of


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
