"""Runs the suite against sabotaged copies of the product and says which sabotage it noticed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from environment.stack.reaper import sweep
from tests.mutants.mutant import RUN, Mutant

ROOT = Path(__file__).resolve().parents[2]
TIME_LIMIT_S = 400
TERM_GRACE_S = 60


@dataclass(frozen=True)
class Verdict:
    """What the suite said of one mutant: ``seen`` are the failed scenarios (and ``run``)."""

    mutant: Mutant
    seen: tuple[str, ...]
    duration_s: float
    log: Path

    @property
    def missed(self) -> tuple[str, ...]:
        """The scenarios that should have turned red and did not."""
        return tuple(name for name in self.mutant.red if name not in self.seen)


@contextmanager
def copy_of_product() -> Iterator[Path]:
    """Give a throw-away copy of the tracked files, with the wheelhouses linked in."""
    folder = Path(tempfile.mkdtemp(prefix="dubspec-mutant-"))
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout
        for name in filter(None, listed.split("\0")):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        for wheelhouse in ROOT.glob("services/**/wheelhouse"):
            shutil.copytree(
                wheelhouse, folder / wheelhouse.relative_to(ROOT), copy_function=os.link
            )
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_suite(folder: Path, mutant: Mutant, log: Path) -> tuple[int, list[dict[str, Any]]]:
    """Run behave in ``folder``; return its exit status and the features of its JSON report."""
    report = folder / "mutant-report.json"
    environment = {
        **os.environ,
        "E2E_RUN_ID": f"mutant-{mutant.name}",
        "E2E_DYNAMIC_PORTS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "behave", *mutant.behave]
    command += ["-f", "json", "-o", str(report), "-f", "plain"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            status = process.wait(TIME_LIMIT_S)
        except BaseException:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(TERM_GRACE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            raise
    features = json.loads(report.read_text()) if report.exists() else []
    return status, features


def failed_scenarios(features: list[dict[str, Any]]) -> list[str]:
    """Return the names of the failed scenarios in behave's JSON report."""
    names = []
    for feature in features:
        names += [
            str(element["name"])
            for element in feature.get("elements", [])
            if element.get("type") == "scenario" and element.get("status") in {"failed", "error"}
        ]
    return names


def try_mutant(mutant: Mutant, logs: Path) -> Verdict:
    """Sabotage a copy, run the selected scenarios, report which turned red."""
    log = logs / f"{mutant.name}.log"
    began = time.monotonic()
    with copy_of_product() as folder:
        for edit in mutant.edits:
            edit.apply(folder)
        try:
            status, features = run_suite(folder, mutant, log)
        finally:
            _remove_leftovers()
    seen = failed_scenarios(features)
    if status != 0 and not seen:
        seen = [RUN]
    return Verdict(mutant, tuple(seen), time.monotonic() - began, log)


def _remove_leftovers() -> None:
    """Remove what a sabotaged run did not: its process is gone, and our own sweep is sound."""
    client = docker.from_env()
    try:
        sweep(client)
    finally:
        client.close()
