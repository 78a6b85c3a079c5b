"""What a run leaves behind to be looked at: its folder, its log, and the evidence in it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import shutil
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from environment.runs.observations import Observation
    from environment.stack.topology import Topology

LATEST: Final = "latest"
KEPT_RUNS: Final = 20
"""A run leaves some seven megabytes; the oldest goes when there are more than this."""
AT_WORK_S: Final = 3600.0
"""A run whose log was written within this time may still be under way."""
RUN_LOG: Final = "run.log"
STACK_LOGS: Final = "stack"
"""Of a run's folder: the logs of containers that did not come up."""
_RUN_FOLDER: Final = re.compile(r"\d{8}-\d{6}-\d{3}")
_SLUG_CHARS: Final = 48
_BASE64_KEY: Final = "data_base64"


class RunLog:
    """``run.log``: the run's key events, one line each, with their time in UTC (FR-043)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def __call__(self, event: str, /, **fields: object) -> None:
        """Note that ``event`` happens now; fields that are None are left out."""
        self.note(time.time(), event, fields)

    def note(self, at: float, event: str, fields: Mapping[str, object]) -> None:
        """Note an event that happened at a Unix time (seconds)."""
        said = "".join(
            f" {key}={_word(value)}" for key, value in fields.items() if value is not None
        )
        with self._lock:
            if not self._file.closed:
                self._file.write(f"{iso_time(at)} {event}{said}\n")

    def close(self) -> None:
        """Close the file; what is noted afterwards is lost."""
        with self._lock:
            self._file.close()


class RunArtifacts:
    """The folder ``artifacts/<run>/`` with its log and one folder for each scenario."""

    def __init__(self, root: Path, run_id: str) -> None:
        self.root = root
        self.folder = root / run_id
        self._given: set[Path] = set()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = RunLog(self.folder / RUN_LOG)
        self.point_latest()
        remove_old_runs(root)

    def point_latest(self) -> None:
        """Make ``artifacts/latest`` lead to this run, whatever it led to before."""
        link = self.root / LATEST
        fresh = self.root / f".{LATEST}-{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self.folder.name)
        fresh.replace(link)

    def scenario_folder(self, name: str) -> Path:
        """Return a folder name that no other scenario of this run has; it is not made yet."""
        base = self.folder / slug(name)
        folder, number = base, 2
        while folder.exists() or folder in self._given:
            folder = base.with_name(f"{base.name}-{number}")
            number += 1
        self._given.add(folder)
        return folder


def new_run_id(e2e_run_id: str) -> str:
    """Return the name of a run that begins now, and of its folder; E2E_RUN_ID is part of it."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")[:-3]
    return f"{stamp}-{e2e_run_id}" if e2e_run_id else stamp


def remove_old_runs(root: Path, *, keep: int = KEPT_RUNS) -> list[Path]:
    """Remove the folders of all but the newest ``keep`` runs, and of those that may be at work.

    Folders that are no runs' are left alone. Returns what was removed.
    """
    runs = sorted((f for f in root.iterdir() if _RUN_FOLDER.match(f.name)), reverse=True)
    old = [folder for folder in runs[keep:] if not _may_be_at_work(folder)]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return old


def _may_be_at_work(folder: Path) -> bool:
    try:
        return time.time() - (folder / RUN_LOG).stat().st_mtime < AT_WORK_S
    except FileNotFoundError:
        return False


def slug(text: str, limit: int = _SLUG_CHARS) -> str:
    """Return ``text`` as a short name of lower-case ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:limit].strip("-") or "scenario"


def iso_time(at: float) -> str:
    """Return a Unix time as ISO 8601 in UTC, with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_json(path: Path, document: object) -> Path:
    """Write indented JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.tmp")
    fresh.write_text(json.dumps(document, indent=2, default=str, ensure_ascii=False) + "\n")
    return fresh.replace(path)


def write_events(path: Path, events: Iterable[Observation]) -> Path:
    """Write observed events as JSON lines; of audio only its length and SHA-256 are kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as lines:
        for seen in events:
            event = seen.event
            line = {
                "at": iso_time(seen.at),
                "sender": event.sender,
                "event": event.event,
                "stream_id": event.stream_id,
                "connection": event.connection,
                "violation": seen.violation,
                "received_at": seen.received_at,
                "payload": without_audio(event.payload),
            }
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")
    return path


def without_audio(payload: Any) -> Any:
    """Return the payload with every ``data_base64`` replaced by its bytes' number and SHA-256."""
    if isinstance(payload, Mapping):
        return {
            key: _digest(value) if key == _BASE64_KEY else without_audio(value)
            for key, value in payload.items()
        }
    if isinstance(payload, list):
        return [without_audio(item) for item in payload]
    return payload


def save_container_logs(stack: Topology, folder: Path, *, since: float) -> list[str]:
    """Save each container's log since a Unix time, and its state, into ``folder`` (FR-022, FR-042).

    Returns what could not be had, one line each: evidence is gathered as far as it goes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing: list[str] = []
    states: dict[str, Any] = {}
    for name, container in stack.containers.items():
        try:
            (folder / f"{name}.log").write_text(container.logs(since=since), encoding="utf-8")
            inspected = container.inspect()
            states[name] = {
                "image": container.image,
                "state": inspected.get("State"),
                "networks": inspected.get("NetworkSettings", {}).get("Networks"),
            }
        except Exception as error:  # noqa: BLE001 - whatever it is, the others' logs are wanted
            missing.append(f"log of {name}: {type(error).__name__}: {error}")
    write_json(folder / "containers.json", states)
    return missing


def gather(what: str, collect: Callable[[], object]) -> list[str]:
    """Run one piece of evidence gathering; return what went wrong instead of raising it."""
    try:
        collect()
    except Exception as error:  # noqa: BLE001 - a failed scenario must not fail over its evidence
        return [f"{what}: {type(error).__name__}: {error}"]
    return []


def remove_folder(folder: Path) -> None:
    """Remove a folder and all in it; harmless when it is not there."""
    if folder.exists():
        shutil.rmtree(folder)


def _digest(data: object) -> object:
    if not isinstance(data, str):
        return data
    try:
        content = base64.b64decode(data, validate=True)
    except binascii.Error:
        return {"characters": len(data), "not_base64": True}
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _word(value: object) -> str:
    text = str(value)
    return text if re.fullmatch(r"[^\s\"=]+", text) else json.dumps(text, ensure_ascii=False)
