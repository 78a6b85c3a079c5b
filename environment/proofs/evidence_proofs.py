"""Proofs about what a failed run leaves to be looked at.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from environment.evidence.artifacts import LATEST
from environment.expectations import expect


def prove_logs_kept(root: Path, names: Collection[str]) -> None:
    """In a scenario's evidence of the newest run lies the log of each container, not empty.

    ``root`` is that run's E2E_ARTIFACTS (FR-042, SC-008).
    """
    folders = [folder for folder in (root / LATEST).glob("*") if folder.is_dir()]
    kept = {
        folder.name: {name: _size_bytes(folder / f"{name}.log") for name in sorted(names)}
        for folder in folders
    }
    expect(
        any(all(sizes.values()) for sizes in kept.values()),
        expected=f"in the failed scenario's evidence the logs of {', '.join(sorted(names))} "
        "(FR-042, SC-008)",
        seen=", ".join(f"{name}: {sizes} bytes" for name, sizes in kept.items()) or "no evidence",
        evidence=root,
        hint="environment/evidence/artifacts.py saves them when a scenario has failed.",
    )


def _size_bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
