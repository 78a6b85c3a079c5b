"""Proofs that a recorded run was made by this run of the suite, on this run's own system.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from environment.errors import HarnessError
from environment.evidence.artifacts import iso_time
from environment.expectations import expect
from environment.runs.recorder import fetch_recording

if TYPE_CHECKING:
    from environment.runs.run import PipelineRun
    from environment.stack.topology import Topology


def prove_made_now(run: PipelineRun, stack: Topology, *, since: float) -> None:
    """The run was published after ``since`` (Unix seconds), and its recordings are this system's.

    What the media server of this very stack holds for both paths is, byte for byte, what the run
    is judged by: no older run can be passed off as this one.
    """
    expect(
        run.published_at >= since,
        expected=f"a run published since this run of the suite began, {iso_time(since)}",
        seen=iso_time(run.published_at),
        evidence=run.folder / "run.json",
        hint="environment/runs/pipeline.py makes the run anew in every session.",
    )
    for path, file in ((run.path_in, run.source), (run.path_out, run.output)):
        held = _held(stack, path)
        expect(
            held == _digest(file),
            expected=f"the recording of {path} that this run's media server holds",
            seen=f"SHA-256 {_digest(file)}; the media server holds {held}",
            evidence=file,
            hint="environment/runs/recorder.py fetches it from the media server's volume.",
        )


def _held(stack: Topology, path: str) -> str:
    with TemporaryDirectory(prefix="recording-") as folder:
        try:
            return _digest(fetch_recording(stack, path, Path(folder) / "held", timeout_s=5.0))
        except HarnessError as error:
            return f"nothing: {error.message}"


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
