"""A steady stream, a bursting one, one with a pause: each is told from the others."""

import pytest

from environment.measuring.arrivals import Arrival, Reception, steadiness


def reception(moments: list[tuple[float, float]], ended_at_s: float = 10.0) -> Reception:
    """Build a reception of video from pairs of (decoding time, time of arrival)."""
    arrivals = tuple(Arrival("video", dts_s, at_s) for dts_s, at_s in moments)
    return Reception(arrivals, begun_at_s=0.0, ended_at_s=ended_at_s)


STEADY = [(n / 10, n / 10) for n in range(100)]


def test_a_steady_stream_brings_a_second_a_second() -> None:
    seen = steadiness(reception(STEADY), "video")
    assert seen.rate == pytest.approx(1.0)
    assert seen.longest_silence_s == pytest.approx(0.1)
    assert seen.elapsed_s == pytest.approx(8.9)


def test_what_gathered_before_the_player_settled_is_left_out() -> None:
    burst = [(n / 10 - 2, 0.0) for n in range(20)]
    assert steadiness(reception(burst + STEADY), "video").rate == pytest.approx(1.0)


def test_a_pause_is_a_silence() -> None:
    paused = [(dts_s, at_s + (1.5 if at_s > 4 else 0)) for dts_s, at_s in STEADY]
    seen = steadiness(reception(paused, ended_at_s=11.5), "video")
    assert seen.longest_silence_s == pytest.approx(1.6)
    assert seen.rate < 0.9


def test_an_end_is_a_silence_too() -> None:
    assert steadiness(reception(STEADY[:50]), "video").longest_silence_s == pytest.approx(5.1)


def test_a_late_beginning_of_one_track_is_a_silence() -> None:
    late = Reception(
        (*reception(STEADY).arrivals, Arrival("audio", 6.0, 6.0)), begun_at_s=0.0, ended_at_s=10.0
    )
    assert steadiness(late, "audio").longest_silence_s == pytest.approx(5.0)


def test_fast_media_is_too_much() -> None:
    fast = [(dts_s * 1.2, at_s) for dts_s, at_s in STEADY]
    assert steadiness(reception(fast), "video").rate == pytest.approx(1.2)


def test_nothing_is_no_rate_and_all_silence() -> None:
    seen = steadiness(Reception((), begun_at_s=0.0, ended_at_s=10.0), "video")
    assert (seen.rate, seen.longest_silence_s) == (0.0, 9.0)
