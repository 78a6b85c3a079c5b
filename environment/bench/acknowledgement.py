"""Measures how soon sts-service says that it has a fragment, while all its workers are busy."""

from __future__ import annotations

import socket
import sys
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import numpy as np

from environment.bench.quick_client import Plan, Report
from environment.bench.rows import Row
from environment.errors import HarnessError
from environment.runs.exchange import cut_speech
from environment.runs.program import Program
from environment.session import Session
from environment.settings import REPO_ROOT
from environment.waiting import wait_for

LIMIT_MS: Final = 50.0

_CLIP: Final = "30s-english-counting.mp4"
_STREAMS: Final = 10
_EACH: Final = 20
"""Fragments of each stream, which is as many as may wait: all workers are busy meanwhile."""
_PORT: Final = 3000
_REACHED_IN_S: Final = 2.0
_ANSWER_TIMEOUT_S: Final = 60.0
_IN_ALL_S: Final = 300.0


def measure(session: Session) -> Row:
    """From sending a fragment to hearing that it is queued, at the 99th percentile."""
    url, remarks = _nearest_url(session)
    report = _report(session, url)
    if not report.went_first:
        remarks.append("the client's own waits for a processor included")
    # The first of all find workers that are free.
    ranked = sorted(report.took_ms[session.settings.sts_workers :])
    p99 = ranked[-(-len(ranked) * 99 // 100) - 1]
    middle, worst = ranked[len(ranked) // 2], ranked[-1]
    what = "acknowledgement while all workers are busy, 99th percentile"
    remark = "; ".join([f"middle {middle:.0f} ms, worst {worst:.0f} ms", *remarks])
    return Row(what, "ms", LIMIT_MS, LIMIT_MS, p99, remark)


def report_of(folder: Path, timeout_s: float) -> Report:
    """Let a client of its own carry out ``plan.json`` with ``sounds.npy``, both in ``folder``.

    Raises:
        HarnessError: it could not, in its words.
        WaitTimeout: it did not end.
    """
    argv = [sys.executable, "-m", "environment.bench.quick_client"]
    with (folder / "report.json").open("w+b") as output:
        program = Program(
            [*argv, str(folder / "plan.json"), str(folder / "sounds.npy")],
            output=output,
            folder=REPO_ROOT,
        )
        with program:
            wait_for("the client's report", lambda: not program.running, timeout_s=timeout_s)
        if program.exit_code != 0:
            raise HarnessError(f"Acknowledgements cannot be measured: {program.log.strip()}")
        output.seek(0)
        return Report.model_validate_json(output.read())


def _nearest_url(session: Session) -> tuple[str, list[str]]:
    """The service on the run's network, as media-service has it, where the host reaches that."""
    stack = session.stack()
    address = stack.sts_service.address
    try:
        socket.create_connection((address, _PORT), timeout=_REACHED_IN_S).close()
    except OSError:
        # An engine in a virtual machine has its networks there.
        return stack.sts_url, ["the way through the published port included"]
    return urlsplit(stack.sts_url)._replace(netloc=f"{address}:{_PORT}").geturl(), []


def _report(session: Session, url: str) -> Report:
    plan = Plan(
        url=url,
        token=session.settings.sts_api_key or None,
        streams=[session.new_stream_name("bench") for _ in range(_STREAMS)],
        fragments_each=_EACH,
        timeout_s=session.settings.timeout(_ANSWER_TIMEOUT_S),
    )
    # The plan has the token: such a folder is its user's alone.
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        (folder / "plan.json").write_text(plan.model_dump_json(), encoding="utf-8")
        np.save(folder / "sounds.npy", np.stack(cut_speech(session.clip(_CLIP)).sounds))
        return report_of(folder, session.settings.timeout(_IN_ALL_S))
