"""The bench's reading of an output's counter over a break."""

from environment.bench.survival import longest_silence_s


def test_a_silence_is_from_growth_to_growth_though_nobody_answered_meanwhile() -> None:
    steady = [(0.2 * n, 100 * (n + 1)) for n in range(10)]
    assert round(longest_silence_s(steady), 3) == 0.2
    begun_anew = [*steady, (5.0, 50), (5.2, 150)]
    assert round(longest_silence_s(begun_anew), 3) == round(5.0 - 1.8, 3)
    assert longest_silence_s([*steady, (2.0, 1000), (2.2, 1000), (2.6, 1100)]) > 0.7
    assert longest_silence_s([]) == 0
