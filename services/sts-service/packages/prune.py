"""Takes out of an environment what an image that only speaks has no use for."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

# torchaudio's and torchcodec's libraries are linked against CUDA and FFmpeg, and fail to load;
# the packages work without them as far as speech needs them.
PRUNED = (
    "torch/bin/*",
    "torch/include",
    "torch/share",
    "torch/test",
    "torchaudio/lib/*.so",
    "torchcodec/*.so",
    "*/**/tests",
    "**/*.a",
    "**/*.pxd",
    "**/*.pyx",
    "**/*.c",
    "**/*.cpp",
    "**/*.cuh",
    "**/*.h",
    "**/__pycache__",
)
# torch looks for its manager of shared memory before it is imported at all.
KEPT = ("torch/bin/torch_shm_manager",)


def prune(site_packages: Path) -> int:
    """Remove what `PRUNED` names below `site_packages`; return how many bytes that were."""
    removed_bytes = 0
    for path in _doomed(site_packages):
        if path.is_dir():
            removed_bytes += sum(f.lstat().st_size for f in path.rglob("*") if f.is_file())
            shutil.rmtree(path)
        elif path.exists():
            removed_bytes += path.lstat().st_size
            path.unlink()
    return removed_bytes


def round_times(site_packages: Path) -> None:
    """Cut every file's time to whole seconds, as images do when they are copied or pulled.

    Numba compares it with the one it saw when it compiled, to the nanosecond.
    """
    for path in site_packages.rglob("*"):
        if path.is_file() and not path.is_symlink():
            seen = path.stat()
            os.utime(path, (int(seen.st_atime), int(seen.st_mtime)))


def _doomed(site_packages: Path) -> Iterator[Path]:
    kept = [site_packages / name for name in KEPT]
    for pattern in PRUNED:
        for path in sorted(site_packages.glob(pattern)):
            if not any(path.is_relative_to(keep) for keep in kept):
                yield path


def main(environment: Path) -> int:
    """Prune the virtual environment at `environment`, and say by how much."""
    (site_packages,) = environment.glob("lib/python3*/site-packages")
    print(f"pruned {prune(site_packages) / 1e6:.0f} MB")
    round_times(site_packages)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
