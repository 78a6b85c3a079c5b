import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_service.ordering import MAX_GAP, OutOfSequence, Sequencer


@given(
    numbers=st.sets(st.integers(0, 200), min_size=1, max_size=20),
    seed=st.integers(0, 2**32),
)
def test_results_come_out_in_sequence_whatever_order_they_finish_in(
    numbers: set[int], seed: int
) -> None:
    sequencer: Sequencer[int] = Sequencer(0)
    for number in sorted(numbers):
        sequencer.admit(number)
    finishing = sorted(numbers)
    random.Random(seed).shuffle(finishing)

    released = [result for number in finishing for result in sequencer.finish(number, number)]

    assert released == sorted(numbers)
    assert sequencer.pending == 0
    assert sequencer.next_sequence == max(numbers) + 1


def test_a_result_waits_for_those_before_it() -> None:
    sequencer: Sequencer[str] = Sequencer(5)
    sequencer.admit(5)
    sequencer.admit(6)
    assert sequencer.finish(6, "six") == []
    assert sequencer.finish(5, "five") == ["five", "six"]


def test_a_late_number_goes_first_while_nothing_above_it_is_out() -> None:
    sequencer: Sequencer[str] = Sequencer(0)
    sequencer.admit(1)
    sequencer.admit(0)
    assert sequencer.finish(1, "one") == []
    assert sequencer.finish(0, "zero") == ["zero", "one"]


@pytest.mark.parametrize(
    ("number", "reason"), [(2, "is over"), (4, "already in work"), (6 + MAX_GAP, "ahead")]
)
def test_numbers_out_of_sequence_are_refused(number: int, reason: str) -> None:
    sequencer: Sequencer[str] = Sequencer(3)
    sequencer.admit(3)
    sequencer.finish(3, "three")
    sequencer.admit(4)
    with pytest.raises(OutOfSequence, match=reason):
        sequencer.admit(number)
