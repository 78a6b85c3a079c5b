"""Measures one run of the 30 s clip against the specification's bounds and our own tighter ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from environment.bench.rows import Row
from environment.measuring.media import probe, timeline
from environment.proofs import examination
from environment.runs.run import PipelineRun
from environment.session import Session

_MEBI: Final = 1024 * 1024


def measure(session: Session) -> tuple[Row, ...]:
    """Bring the stack up, run the clip through it, and measure.

    Raises ``HarnessError`` when there is no run to measure.
    """
    stack = session.stack()
    run = session.pipeline_run()
    return (
        Row("stack up to all healthy", "s", 30, 10, stack.started_in_s),
        Row(
            "stream published to worker processing", "s", 5, 1, run.processing_at - run.published_at
        ),
        Row("fragment sent to processed, slowest", "s", 15, 3, _slowest_trip(run)),
        Row("30 s clip: publish to last output packet", "s", 120, 42, run.elapsed_s),
        Row("delay of the output behind the input", "s", None, 9, _delay_s(run)),
        *_skew_rows(run),
        Row("output duration against input, worst track", "ms", 500, 100, _duration_error_ms(run)),
        _fragments_row(run),
        _words_row(run),
        *_worker_rows(run),
    )


def _slowest_trip(run: PipelineRun) -> float | None:
    """None, which misses the bound, if a fragment was never answered."""
    trips = [trip for f in run.fragments if (trip := f.round_trip_s) is not None]
    return max(trips, default=None) if len(trips) == len(run.fragments) else None


def _delay_s(run: PipelineRun) -> float:
    """The larger of what media-service says and what the end of the stream shows."""
    said = float((run.report["output"] or {}).get("delay_s") or 0.0)
    return max(said, run.last_packet_at - run.publish_ended_at)


def _skew_rows(run: PipelineRun) -> Iterable[Row]:
    report = examination.skew(run)
    yield Row(
        "worst skew, signed, from the output's bytes", "ms", 120, 40, report.worst_ms, str(report)
    )
    yield Row("segments whose dub was not found whole", "", None, 0, len(report.incomplete))


def _duration_error_ms(run: PipelineRun) -> float | None:
    wanted_s = probe(run.clip).duration_s
    if wanted_s is None:
        return None
    errors = [(track.duration_s - wanted_s) * 1000 for track in timeline(run.output)]
    return max(errors, key=abs, default=None)


def _fragments_row(run: PipelineRun) -> Row:
    """Counts fragments lost, doubled or out of order: 0 of the five that the text wants."""
    wanted = list(range(5))
    sent = [fragment.sequence_number for fragment in run.fragments]
    wrong = int(sent != wanted) + int(list(run.result_order) != wanted)
    return Row(
        "fragments lost, doubled or out of order",
        "",
        0,
        0,
        wrong,
        f"sent {sent}, processed {list(run.result_order)}",
    )


def _words_row(run: PipelineRun) -> Row:
    words = examination.words_against_clip(run)
    errors = len(words.alignment.substituted) + len(words.alignment.inserted)
    errors += len([word for word in words.alignment.missing if word != words.cut_by_join])
    return Row("words wrong in the transcripts", "", None, 0, errors, str(words))


def _worker_rows(run: PipelineRun) -> Iterable[Row]:
    worker = run.report["worker"]
    cpu_s, wall_s, rss = worker["cpu_s"], worker["wall_s"], worker["rss_bytes"]
    yield Row("worker CPU", "% of a core", None, 10, 100 * cpu_s / wall_s if wall_s else None)
    yield Row("worker memory at its end", "MiB", None, 120, rss / _MEBI if rss else None)
