"""Unpacks the models that the repository carries, after holding each against its manifest."""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
from pathlib import Path


class ModelDamaged(Exception):  # noqa: N818 - says what happened to the model
    """An archive is not the one that the manifest speaks of."""


def unpack(archives: Path, target: Path) -> list[str]:
    """Unpack every model of `archives`/manifest.json into `target`; return the names.

    Raises:
        ModelDamaged: an archive is missing, is another one, or lacks what it should hold.
    """
    models = json.loads((archives / "manifest.json").read_text())["models"]
    target.mkdir(parents=True, exist_ok=True)
    for name, model in models.items():
        archive = archives / model["archive"]
        if not archive.is_file():
            raise ModelDamaged(f"{archive} is missing, though the manifest names it")
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != model["sha256"]:
            raise ModelDamaged(
                f"{archive} has the SHA-256 {found}, not {model['sha256']} as in the manifest"
            )
        # Debian's Python is too old for extraction filters; the checksum vouches for the content.
        with tarfile.open(archive) as tar:
            tar.extractall(target)  # noqa: S202
        if not (target / model["unpacks_to"]).exists():
            raise ModelDamaged(f"{archive} does not hold {model['unpacks_to']}")
        print(f"{name}: {model['size_bytes'] / 1e6:.1f} MB packed")
    return list(models)


def main(archives: Path, target: Path) -> int:
    """Unpack; 1 with the reason on stderr when a model cannot be trusted."""
    try:
        unpack(archives, target)
    except ModelDamaged as damage:
        print(f"{damage}. Remedy: `git checkout fixtures/models`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
