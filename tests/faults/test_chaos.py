"""The storm: drawn from a seed, and judged; each proof fails on what is not so."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from environment.expectations import ExpectationFailed
from environment.faults.chaos import KINDS, QUIET_S, Kind, Strike, Victim, draw, faults_for
from environment.measuring.account import Fate, Heard
from environment.proofs.chaos_proofs import (
    must_be_dubbed,
    prove_accounted_for,
    prove_clock_over_breaks,
    prove_dubbed_where_possible,
    prove_stops_in_order,
)
from environment.runs.storm import Blow


@pytest.mark.parametrize("seed", range(20))
def test_a_storm_is_over_in_time_and_never_strikes_twice_at_once(seed: int) -> None:
    strikes = draw(random.Random(seed), 180)
    assert 5 <= len(strikes) <= len(KINDS)
    assert len({strike.kind for strike in strikes}) == len(strikes)
    assert all(after.at_s - before.until_s >= QUIET_S[0] for before, after in pairwise(strikes))
    assert all(k.shortest_s <= s.lasts_s <= k.longest_s for s in strikes for k in [s.kind])
    assert strikes[-1].until_s <= 180 - QUIET_S[0]


def test_a_seed_draws_the_same_storm_again() -> None:
    assert draw(random.Random(7), 180) == draw(random.Random(7), 180)
    assert draw(random.Random(7), 180) != draw(random.Random(8), 180)


def test_every_kind_has_a_fault() -> None:
    container: Any = SimpleNamespace()
    stack: Any = SimpleNamespace(sts_service=container, media_service=container, media_server=1)
    link: Any = SimpleNamespace()
    assert set(faults_for(stack, link, lambda: container)) == {kind.name for kind in KINDS}


def blow(victim: Victim, began_at: float, well_at: float) -> Blow:
    strike = Strike(began_at, 1.0, Kind(f"{victim} struck", victim, 1, 2))
    return Blow(strike, began_at, well_at - 1, well_at)


def segments(*outcomes: str) -> list[dict[str, Any]]:
    return [
        {"number": number, "cut_at": 6.0 * (number + 1), "outcome": outcome, "reason": None}
        for number, outcome in enumerate(outcomes)
    ]


def aftermath(*heard: Heard, reported: tuple[str, ...] = (), skew_ms: float = 3.0) -> Any:
    return SimpleNamespace(
        fates={n: Fate(n, word, 6.0 * n, skew_ms, 0.9) for n, word in enumerate(heard)},
        segments=segments(*(reported or heard)),
        folder=Path("kept"),
        outputs=(),
        lost_pictures=(),
        stretches=(),
        parts=(),
        sent=(),
    )


def test_a_segment_needs_sts_from_its_cut_on() -> None:
    # Cut at 6, 12, 18, 24, 30 s; STS away from 19 to 25 s.
    known = segments(*["dubbed"] * 5)
    assert must_be_dubbed(known, [blow("sts", 19, 25)]) == [0, 4]
    assert must_be_dubbed(known, [blow("way", 19, 25), blow("source", 7, 9)]) == [0, 1, 2, 3, 4]


def test_dubbed_where_sts_was_there() -> None:
    away = [blow("sts", 19, 25)]
    heard: list[Heard] = [*["dubbed"] * 2, *["original"] * 2, *["dubbed"] * 5]  # type: ignore[list-item]
    prove_dubbed_where_possible(aftermath(*heard), away)
    with pytest.raises(ExpectationFailed):
        prove_dubbed_where_possible(aftermath("original", *heard[1:]), away)
    with pytest.raises(ExpectationFailed):
        prove_dubbed_where_possible(aftermath(*heard[:4]), away)


def test_every_segment_is_accounted_for() -> None:
    prove_accounted_for(aftermath("dubbed", "original", "silent"))
    for broken in (
        aftermath("dubbed", "absent"),
        aftermath("dubbed", "other"),
        aftermath("dubbed", "original", reported=("dubbed", "dubbed")),
        aftermath("dubbed", "original", reported=("dubbed", "lost")),
        aftermath("dubbed", skew_ms=130),
        aftermath(),
    ):
        with pytest.raises(ExpectationFailed):
            prove_accounted_for(broken)


def output(*gaps_s: float, monotonic: bool = True) -> Any:
    pieces = [SimpleNamespace(monotonic=monotonic)] * (len(gaps_s) + 1)
    return SimpleNamespace(
        output=SimpleNamespace(pieces=pieces, gaps_s=gaps_s), folder=Path("kept")
    )


def test_the_clock_over_breaks() -> None:
    blows = [blow("media", 10, 13)]
    prove_clock_over_breaks(output(0.0, 3.5), blows)
    for broken in (output(4.1), output(-0.5), output(monotonic=False)):
        with pytest.raises(ExpectationFailed):
            prove_clock_over_breaks(broken, blows)


def test_who_is_told_to_stop_and_does_not_end_in_order_is_noticed() -> None:
    stopped, killed, server = blow("media", 19, 25), blow("sts", 40, 45), blow("server", 60, 65)
    # How the media server ends is its own affair; who was killed has no code of its own.
    stopped.exit_code, server.exit_code = 0, 1
    prove_stops_in_order([stopped, killed, server])
    stopped.exit_code = 137
    with pytest.raises(ExpectationFailed, match="media struck to end with exit code 0"):
        prove_stops_in_order([stopped, killed, server])
