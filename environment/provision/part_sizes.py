"""Sums up what an image is made of, part by part; runs inside it, on the standard library alone.

`python3 part_sizes.py [ROOT]` prints a JSON object of part -> bytes.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path

LARGE_BYTES = 10_000_000
"""A Python package smaller than that is counted among the others."""

SYSTEM = "Debian and its programs"
OTHER_PACKAGES = "other Python packages"
BYTECODE = "bytecode of what the service imports"
_PLACES = {
    "app": "the service's own code",
    "opt/models": "pocket models, unpacked",
    "opt/numba": "Numba's cache",
}


def part_sizes(root: Path) -> dict[str, int]:
    """Bytes of each part of the file system at `root`; Python packages each by its name."""
    parts: Counter[str] = Counter()
    device = root.stat().st_dev
    for folder, below, names in os.walk(root):
        # What is mounted there (/proc, /sys) is not the image's.
        below[:] = [name for name in below if Path(folder, name).lstat().st_dev == device]
        for name in names:
            path = Path(folder, name)
            parts[_part(path.relative_to(root))] += path.lstat().st_size
    return _with_small_ones_together(parts)


def _part(path: Path) -> str:
    for place, part in _PLACES.items():
        if path.is_relative_to(place):
            return part
    if "site-packages" not in path.parts:
        return SYSTEM
    if "__pycache__" in path.parts:
        return BYTECODE
    below = path.parts[path.parts.index("site-packages") + 1]
    return f"package {below.removesuffix('.libs')}"


def _with_small_ones_together(parts: Counter[str]) -> dict[str, int]:
    together: Counter[str] = Counter()
    for part, size_bytes in parts.items():
        is_small = part.startswith("package ") and size_bytes < LARGE_BYTES
        together[OTHER_PACKAGES if is_small else part] += size_bytes
    return dict(together.most_common())


if __name__ == "__main__":
    print(json.dumps(part_sizes(Path(sys.argv[1] if len(sys.argv) > 1 else "/"))))
