"""Runs the suite against sabotaged copies of the product and says which sabotage it noticed."""

from __future__ import annotations

import errno
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
from docker.models.images import Image

from environment.provision.images import LABEL
from environment.stack.reaper import sweep
from tests.mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
TIME_LIMIT_S = 400
TERM_GRACE_S = 60
_OWN_SETTINGS = ("E2E_NETWORK_NAME", "E2E_RUN_ID", "E2E_DYNAMIC_PORTS")


@dataclass(frozen=True)
class Verdict:
    """What the suite said of one mutant.

    ``failed`` are the scenarios in which an expectation was not met, ``broken`` those that ended
    otherwise, as they all do when the copy does not even start; ``status`` is behave's.
    """

    mutant: Mutant
    failed: tuple[str, ...]
    broken: tuple[str, ...]
    status: int
    duration_s: float
    log: Path

    @property
    def objections(self) -> tuple[str, ...]:
        """Why the mutant does not count as caught; empty: the right scenarios failed, no other."""
        red = self.mutant.red
        said = [f"stayed green: {name}" for name in red if name not in self.failed]
        said += [f"failed as well: {name}" for name in self.failed if name not in red]
        said += [f"broke: {name}" for name in self.broken]
        if bool(self.status) != bool(red):
            said.append(f"behave's exit status was {self.status}")
        return tuple(said)


@contextmanager
def snapshot_of_product() -> Iterator[Path]:
    """Give a copy of the project's files as they are now.

    Every mutant starts from it, so that work that goes on meanwhile changes none of them.
    """
    folder = Path(tempfile.mkdtemp(prefix="dubspec-snapshot-"))
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-coz", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if not (ROOT / name).is_file():
                continue
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def copy_of(snapshot: Path) -> Iterator[Path]:
    """Give a throw-away copy of the snapshot."""
    folder = Path(tempfile.mkdtemp(prefix="dubspec-mutant-"))
    try:
        shutil.copytree(snapshot, folder, copy_function=_link_or_copy, dirs_exist_ok=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_suite(folder: Path, mutant: Mutant, log: Path) -> tuple[int, list[dict[str, Any]]]:
    """Run behave in ``folder``; return its exit status and the features of its JSON report."""
    report = folder / "mutant-report.json"
    shutil.rmtree(log.with_suffix(""), ignore_errors=True)
    environment = {
        **{name: value for name, value in os.environ.items() if name not in _OWN_SETTINGS},
        "E2E_RUN_ID": f"mutant-{mutant.name}",
        "E2E_DYNAMIC_PORTS": "1",
        "E2E_ARTIFACTS": str(log.with_suffix("")),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if mutant.profile is not None:
        environment["STS_PROFILE"] = mutant.profile
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


def scenarios_that_are(status: str, features: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the names of the scenarios of that status in behave's JSON report."""
    return tuple(
        str(element["name"])
        for feature in features
        for element in feature.get("elements", [])
        if element.get("type") == "scenario" and element.get("status") == status
    )


def try_mutant(mutant: Mutant, snapshot: Path, logs: Path) -> Verdict:
    """Sabotage a copy, run the selected scenarios, report which turned red."""
    log = logs / f"{mutant.name}.log"
    began = time.monotonic()
    with copy_of(snapshot) as folder:
        for edit in mutant.edits:
            edit.apply(folder)
        with nothing_left_behind():
            status, features = run_suite(folder, mutant, log)
    return Verdict(
        mutant,
        scenarios_that_are("failed", features),
        scenarios_that_are("error", features) + scenarios_that_are("hook_error", features),
        status,
        time.monotonic() - began,
        log,
    )


def _link_or_copy(source: str, target: str) -> str:
    """Link where both lie on one file system, else copy."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copy2(source, target)
    return target


def _our_images(client: docker.DockerClient) -> dict[str, Image]:
    images = client.images.list(filters={"label": LABEL})
    return {tag: image for image in images for tag in image.tags}


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Take away what a sabotaged run left, by our own sound sweep, and the images it built."""
    client = docker.from_env()
    before = _our_images(client)
    try:
        yield
    finally:
        sweep(client)
        for tag, image in _our_images(client).items():
            if tag not in before:
                client.images.remove(tag)
            elif image.id != before[tag].id:  # `latest` must not lead to a sabotaged one
                before[tag].tag(*tag.rsplit(":", 1))
        client.close()
