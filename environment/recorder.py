"""Fetching what the media server recorded: the suite's ground truth."""

from __future__ import annotations

from pathlib import Path

from environment.topology import Topology


def fetch_recording(
    stack: Topology, path: str, destination: Path, *, timeout_s: float = 30.0
) -> Path:
    """Copy the newest recording of ``path`` out of the media server, complete.

    Waits until nobody publishes at ``path`` any more. ``destination`` is a file name without
    its suffix, or a folder; the suffix is that of the recording (``.mp4`` or ``.flv``).
    Returns the file written. Raises ``WaitTimeout`` if the publisher stays, or nothing was
    recorded.
    """
    raise NotImplementedError
