"""Unpacks the models that the repository carries, after holding each against its manifest."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# What a manifest says that was written before manifests said it.
_SERVED_NOT = ("whisper-es",)


class ModelDamaged(Exception):  # noqa: N818 - says what happened to the model
    """An archive is not the one that the manifest speaks of."""


def unpack(archives: Path, target: Path, names: Sequence[str] = ()) -> list[str]:
    """Unpack models of `archives`/manifest.json into `target`; return their names.

    They are the ones called `names`, or all that the service serves: one that only judges the
    others in their training is not among them.

    Raises:
        ModelDamaged: an archive is missing, is another one, or lacks what it should hold; or the
            manifest has no model of that name.
    """
    models = json.loads((archives / "manifest.json").read_text())["models"]
    chosen = list(names) or [name for name, model in models.items() if _serves(name, model)]
    target.mkdir(parents=True, exist_ok=True)
    for name in chosen:
        if name not in models:
            raise ModelDamaged(f"{archives / 'manifest.json'} has no model {name}")
        model = models[name]
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
    return chosen


def main(archives: Path, target: Path, names: Sequence[str] = ()) -> int:
    """Unpack; 1 with the reason on stderr when a model cannot be trusted."""
    try:
        unpack(archives, target, names)
    except ModelDamaged as damage:
        print(f"{damage}. Remedy: `git checkout fixtures/models`.", file=sys.stderr)
        return 1
    return 0


def _serves(name: str, model: Mapping[str, Any]) -> bool:
    return bool(model.get("serves", name not in _SERVED_NOT))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archives", type=Path, help="the folder of the archives and the manifest")
    parser.add_argument("target", type=Path, help="the folder to unpack into")
    parser.add_argument("names", nargs="*", help="which models; by default those that serve")
    return parser


if __name__ == "__main__":
    sys.exit(main(**vars(_parser().parse_args())))
