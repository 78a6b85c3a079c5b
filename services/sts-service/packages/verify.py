"""Fails the build when the installed packages do not fit together, or are not for the CPU only."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LEFT_OUT = frozenset(
    {"matplotlib", "networkx", "scikit-learn", "setuptools", "tensorboard", "triton"}
)
"""Asked for by a package, but by no part of it that speech passes through."""

_ONLY_WITH_CUDA = ("nvidia-", "cuda-", "triton")


def misfits(installed: Iterable[Distribution]) -> list[str]:
    """Say, a line each, which requirement of which package is not met; `LEFT_OUT` are not told."""
    found = {canonicalize_name(d.metadata["Name"]): d for d in installed}
    lines = [f"{name} belongs to CUDA" for name in found if name.startswith(_ONLY_WITH_CUDA)]
    for name, distribution in sorted(found.items()):
        for requirement in map(Requirement, distribution.requires or ()):
            wanted = canonicalize_name(requirement.name)
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if not applies or (wanted in LEFT_OUT and wanted not in found):
                continue
            if wanted not in found:
                lines.append(f"{name} requires {requirement}, which is not in requirements.txt")
            elif not requirement.specifier.contains(found[wanted].version, prereleases=True):
                lines.append(f"{name} requires {requirement}, not {found[wanted].version}")
    return lines


def main() -> int:
    """Check this environment; 1 with what is wrong on stderr."""
    import torch  # noqa: PLC0415 - the rest is checked on machines without it

    wrong = misfits(distributions())
    if torch.version.cuda is not None:
        wrong.append(
            f"torch {torch.__version__} is built for CUDA {torch.version.cuda}; this image takes "
            "the build for the CPU only (see requirements.txt)"
        )
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
