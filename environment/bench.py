"""Measures one run of the 30 s clip against the specification's bounds and our own tighter ones."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import requests
from rich.console import Console
from rich.table import Table

from environment.console import Progress
from environment.errors import HarnessError
from environment.measuring.media import probe, timeline
from environment.proofs import examination
from environment.runs.run import PipelineRun
from environment.session import Session
from environment.settings import load_settings

EXIT_CANNOT: Final = 2
_MEBI: Final = 1024 * 1024
_WIDTH: Final = 110


@dataclass(frozen=True)
class Row:
    """One figure: what it is, its unit, the specification's bound if any, ours, what was seen.

    ``measured`` is None where there was nothing to measure, which misses every bound.
    """

    what: str
    unit: str
    specified: float | None
    bound: float
    measured: float | None
    remark: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure is within our bound; signed figures count by their size."""
        return self.measured is not None and abs(self.measured) <= self.bound


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


def table_of(rows: Sequence[Row]) -> Table:
    """Lay the rows out for a terminal."""
    table = Table(title="One 30 s clip, published, dubbed and recorded")
    table.add_column("what")
    for column in ("specification", "here", "measured"):
        table.add_column(column, justify="right")
    table.add_column("")
    for row in rows:
        table.add_row(
            row.what,
            "none" if row.specified is None else f"{row.specified:g} {row.unit}",
            f"{row.bound:g} {row.unit}",
            "nothing" if row.measured is None else f"{row.measured:.4g} {row.unit}",
            "met" if row.met else "[red]MISSED",
        )
    return table


def write(rows: Sequence[Row], path: Path, session: Session) -> None:
    """Write the figures as JSON, with what they were measured on."""
    document = {
        "run": session.run_id,
        "media_server": session.system().media_server,
        "speech": session.system().speech,
        "rows": [{**asdict(row), "met": row.met} for row in rows],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def main() -> int:
    """Measure, print, write; 1 when a row misses its bound, 2 when nothing could be measured."""
    argparse.ArgumentParser(prog="python -m environment.bench", description=__doc__).parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    session: Session | None = None
    try:
        session = Session(load_settings(), progress=Progress())
        rows = measure(session)
        path = session.artifacts / "bench.json"
        write(rows, path, session)
        system = session.system()
    except (HarnessError, requests.RequestException, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return EXIT_CANNOT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        if session is not None:
            session.close()
    console = Console(
        highlight=False, soft_wrap=True, width=_WIDTH if not sys.stdout.isatty() else None
    )
    console.print(table_of(rows), crop=False)
    console.print(f"media server: {system.media_server}")
    console.print(f"speech: {system.speech}")
    console.print(f"figures: {path}")
    return 0 if all(row.met for row in rows) else 1


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
