import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_service.ordering import MAX_GAP, OutOfSequence, Sequencer

PATIENCE_S = 2.0


def sequencer(next_sequence: int = 0) -> Sequencer[str]:
    return Sequencer(next_sequence, patience_s=PATIENCE_S)


@given(
    numbers=st.sets(st.integers(0, 200), min_size=1, max_size=20),
    seed=st.integers(0, 2**32),
)
def test_results_come_out_in_sequence_whatever_order_they_finish_in(
    numbers: set[int], seed: int
) -> None:
    sequencer: Sequencer[int] = Sequencer(0, patience_s=0)
    for number in sorted(numbers):
        sequencer.admit(number, now=0)
    finishing = sorted(numbers)
    random.Random(seed).shuffle(finishing)

    released = []
    for number in finishing:
        sequencer.finish(number, number)
        released += sequencer.released(now=0)

    assert released == sorted(numbers)
    assert sequencer.pending == 0
    assert sequencer.next_sequence == max(numbers) + 1
    assert sequencer.patient_until is None


def test_a_result_waits_for_those_before_it() -> None:
    results = sequencer(5)
    assert not results.admit(5, now=0)
    assert not results.admit(6, now=0)
    results.finish(6, "six")
    assert results.released(now=100) == []
    results.finish(5, "five")
    assert results.released(now=100) == ["five", "six"]


def test_a_number_that_was_skipped_is_waited_for_until_its_time_is_over() -> None:
    results = sequencer()
    assert list(results.admit(2, now=10)) == [0, 1]
    results.finish(2, "two")
    assert results.patient_until == 10 + PATIENCE_S
    assert results.released(now=11.9) == []
    assert results.released(now=12) == ["two"]
    assert results.patient_until is None
    with pytest.raises(OutOfSequence, match="is over"):
        results.admit(1, now=12)


def test_a_number_that_comes_late_goes_first() -> None:
    results = sequencer()
    results.admit(2, now=0)
    results.finish(2, "two")
    assert not results.admit(0, now=1)
    results.finish(0, "zero")
    assert results.released(now=1) == ["zero"]
    assert not results.admit(1, now=1.5)
    results.finish(1, "one")
    assert results.released(now=1.5) == ["one", "two"]


def test_what_is_in_work_is_waited_for_beyond_the_time_of_a_gap() -> None:
    results = sequencer()
    results.admit(1, now=0)
    results.admit(2, now=0)
    results.finish(2, "two")
    assert results.released(now=100) == []
    results.finish(1, "one")
    assert results.released(now=100) == ["one", "two"]


def test_each_gap_has_its_own_time() -> None:
    results = sequencer()
    results.admit(1, now=0)
    results.admit(3, now=1)
    results.finish(1, "one")
    results.finish(3, "three")
    assert results.released(now=2) == ["one"]
    assert results.patient_until == 1 + PATIENCE_S
    assert results.released(now=3) == ["three"]


@pytest.mark.parametrize(
    ("number", "reason"), [(2, "is over"), (4, "already in work"), (6 + MAX_GAP, "ahead")]
)
def test_numbers_out_of_sequence_are_refused(number: int, reason: str) -> None:
    results = sequencer(3)
    results.admit(3, now=0)
    results.finish(3, "three")
    results.admit(4, now=0)
    with pytest.raises(OutOfSequence, match=reason):
        results.admit(number, now=0)


def test_only_what_was_admitted_can_be_finished() -> None:
    with pytest.raises(ValueError, match="never admitted"):
        sequencer().finish(0, "zero")
