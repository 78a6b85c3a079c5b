import pytest

from media_service.worker.errors import StreamError
from media_service.worker.timeline import (
    AudioTimeline,
    Continuation,
    Origin,
    Placement,
    choose_origin,
    continue_origin,
)


def test_a_source_joined_at_its_head_counts_from_zero() -> None:
    assert choose_origin(0.0, ready_age_s=0.1, segment_s=6) == Origin(0.0, 0, 0.0)


def test_a_missed_head_keeps_the_sources_zero() -> None:
    assert choose_origin(0.8, ready_age_s=0.3, segment_s=6) == Origin(0.0, 0, 0.8)


def test_a_clock_that_does_not_count_from_zero_starts_where_it_is_seen() -> None:
    assert choose_origin(3600.0, ready_age_s=0.3, segment_s=6) == Origin(3600.0, 0, 0.0)
    assert choose_origin(-0.02, ready_age_s=0.3, segment_s=6) == Origin(-0.02, 0, 0.0)


def test_a_head_of_more_than_a_segment_is_not_waited_out() -> None:
    assert choose_origin(100.0, ready_age_s=99.5, segment_s=6) == Origin(100.0, 0, 100.0)


def test_a_media_server_whose_clock_is_ahead_does_no_harm() -> None:
    assert choose_origin(0.5, ready_age_s=-20, segment_s=6) == Origin(0.0, 0, 0.5)


def test_a_new_worker_begins_where_the_source_is() -> None:
    known = Continuation(zero_s=0.0, zero_at=1000.0, number=2, from_s=14.0)
    assert continue_origin(15.5, known, now=1015.6) == Origin(0.0, 2, 0.0, 15.5)


def test_a_new_worker_never_repeats_what_was_read() -> None:
    known = Continuation(zero_s=0.0, zero_at=1000.0, number=1, from_s=6.0)
    assert continue_origin(5.9, known, now=1006.0) == Origin(0.0, 1, 0.0, 6.0)


def test_another_source_goes_on_by_this_hosts_clock() -> None:
    gone = Continuation(zero_s=None, zero_at=1000.0, number=3, from_s=14.0)
    origin = continue_origin(0.0, gone, now=1017.5)
    assert (origin.number, origin.start_s, origin.zero_s) == (3, 17.5, -17.5)
    early = continue_origin(0.0, gone, now=1013.0)
    assert (early.start_s, early.zero_s) == (14.0, -14.0)


def test_late_join_is_filled_with_silence_to_the_sample() -> None:
    timeline = AudioTimeline(zero_s=0.0, start_samples=0)
    assert timeline.place(0.3, 1024) == Placement(14_400, 0)
    assert timeline.position_samples == 15_424


def test_millisecond_rounding_is_not_a_gap() -> None:
    timeline = AudioTimeline(zero_s=0.0, start_samples=0)
    for number in range(500):
        exact_s = number * 1024 / 48_000
        assert timeline.place(round(exact_s, 3), 1024) == Placement(0, 0)
    assert (timeline.position_samples, timeline.gaps) == (500 * 1024, 0)


def test_a_gap_becomes_silence() -> None:
    timeline = AudioTimeline(zero_s=10.0, start_samples=0)
    timeline.place(10.0, 4800)
    assert timeline.place(10.6, 4800) == Placement(24_000, 0)
    assert timeline.gaps == 1


def test_an_overlap_is_dropped() -> None:
    timeline = AudioTimeline(zero_s=0.0, start_samples=0)
    timeline.place(0.0, 9600)
    assert timeline.place(0.1, 9600) == Placement(0, 4800)
    assert timeline.place(0.1, 2400) == Placement(0, 2400)
    assert timeline.position_samples == 14_400


def test_sound_before_the_origin_is_left_out() -> None:
    timeline = AudioTimeline(zero_s=0.0, start_samples=48_000)
    assert timeline.place(0.0, 24_000) == Placement(0, 24_000)
    assert timeline.place(0.9, 9600) == Placement(0, 4800)


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_a_jump_ends_the_stream(jump_s: float) -> None:
    timeline = AudioTimeline(zero_s=0.0, start_samples=0)
    timeline.place(0.0, 1024)
    with pytest.raises(StreamError, match="jumped") as caught:
        timeline.place(jump_s, 1024)
    assert caught.value.reason == "timestamp_jump"


def test_absent_sound_is_filled_and_what_comes_late_is_dropped() -> None:
    timeline = AudioTimeline(zero_s=0.0, start_samples=0)
    timeline.place(0.0, 48_000)
    assert timeline.fill_to(3.0) == 96_000
    assert timeline.fill_to(2.0) == 0
    assert timeline.place(2.5, 48_000) == Placement(0, 24_000)


@pytest.mark.parametrize(
    ("first_s", "zero_s", "start_s"),
    [
        (26.0, 0.0, 26.0),
        (29.0, 0.0, 29.0),
        # Another clock: this host's tells how long nothing was read.
        (0.5, -24.5, 25.0),
        (5000.0, 4975.0, 25.0),
    ],
)
def test_a_clock_that_jumped_gets_a_new_zero(first_s: float, zero_s: float, start_s: float) -> None:
    known = Continuation(zero_s=0.0, zero_at=1000.0, number=3, from_s=18.0)
    origin = continue_origin(first_s, known, now=1025.0)
    assert (origin.zero_s, origin.number, origin.start_s) == (zero_s, 3, start_s)
