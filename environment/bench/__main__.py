"""Measures the system, profile by profile, and prints each figure beside its bound."""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType
from typing import Final

from rich.console import Console

from environment.bench import images, pipeline, speech, survival, wire
from environment.bench.rows import table_of, write
from environment.console import Progress
from environment.endings import ended
from environment.session import Session
from environment.settings import Settings, load_settings

_WIDTH: Final = 110


def main() -> int:
    """Measure, print, write; 1 when a row misses its bound, 2 when nothing could be measured."""
    profiles = _profiles()
    signal.signal(signal.SIGTERM, _interrupt)
    return ended(lambda: _measure(profiles))


def _measure(profiles: list[str]) -> int:
    settings = load_settings()
    met = [
        _measure_profile(settings.model_copy(update={"sts_profile": profile}))
        for profile in profiles or [settings.sts_profile]
    ]
    return 0 if all(met) else 1


def _profiles() -> list[str]:
    parser = argparse.ArgumentParser(prog="python -m environment.bench", description=__doc__)
    parser.add_argument(
        "--profile",
        action="append",
        choices=("pocket", "embedded", "neural"),
        help="engines to measure; may be given again; by default those of STS_PROFILE",
    )
    return parser.parse_args().profile or []


def _measure_profile(settings: Settings) -> bool:
    """Measure one profile in a session of its own; whether every row met its bound."""
    session = Session(settings, progress=Progress())
    try:
        rows = (
            *pipeline.measure(session),
            *speech.measure(session),
            *wire.measure(session),
            *survival.measure(session),
            *images.measure(session),
        )
        path = session.artifacts / "bench.json"
        write(rows, path, session)
        system = session.system()
    finally:
        session.close()
    console = Console(
        highlight=False, soft_wrap=True, width=_WIDTH if not sys.stdout.isatty() else None
    )
    console.print(table_of(rows), crop=False)
    console.print(f"media server: {system.media_server}")
    console.print(f"speech: {system.speech}")
    console.print(f"figures: {path}")
    return all(row.met for row in rows)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
