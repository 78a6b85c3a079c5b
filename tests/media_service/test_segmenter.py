from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from media_service.audio_format import BYTES_PER_FRAME
from media_service.worker.segmenter import Segment, Segmenter

SEGMENT = 48_000


def pcm(samples: int, value: int = 1) -> bytes:
    return bytes([value]) * (samples * BYTES_PER_FRAME)


def cut(chunks: list[int], **options: Any) -> list[Segment]:
    segmenter = Segmenter(segment_samples=SEGMENT, **options)
    made = [segment for size in chunks for segment in segmenter.push(pcm(size))]
    return [*made, *segmenter.finish()]


def test_segments_are_exact_and_numbered() -> None:
    made = cut([SEGMENT // 2] * 7)
    assert [(s.number, s.start_samples, s.samples, s.tail) for s in made] == [
        (0, 0, SEGMENT, False),
        (1, SEGMENT, SEGMENT, False),
        (2, 2 * SEGMENT, SEGMENT, False),
        (3, 3 * SEGMENT, SEGMENT // 2, False),
    ]


def test_a_rest_of_250_ms_is_a_segment_and_less_is_a_tail() -> None:
    assert cut([SEGMENT, 12_000])[-1].tail is False
    assert cut([SEGMENT, 11_999])[-1].tail is True


def test_an_exact_end_leaves_nothing() -> None:
    assert len(cut([SEGMENT] * 2)) == 2


def test_numbering_continues_where_another_worker_stopped() -> None:
    made = cut([SEGMENT + 1], first_number=7, start_samples=100)
    assert [(s.number, s.start_samples) for s in made] == [(7, 100), (8, 100 + SEGMENT)]


def test_silence_is_silent() -> None:
    segmenter = Segmenter(segment_samples=SEGMENT)
    made = [*segmenter.push(pcm(10)), *segmenter.push_silence(SEGMENT)]
    assert made[0].pcm == pcm(10) + bytes((SEGMENT - 10) * BYTES_PER_FRAME)
    assert [s.samples for s in segmenter.finish()] == [10]


@given(st.lists(st.integers(0, 100_000), max_size=12))
def test_no_sample_is_lost_or_moved(chunks: list[int]) -> None:
    made = cut(chunks)
    assert sum(s.samples for s in made) == sum(chunks)
    assert all(s.start_samples == s.number * SEGMENT for s in made)
    assert all(s.samples == SEGMENT for s in made[:-1])
