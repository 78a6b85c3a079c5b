"""Throw-away copies of the product to sabotage; what is built of them is taken away as well."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from environment.provision.images import LABEL
from environment.provision.locks import SETUP_FOLDER
from environment.stack.reaper import sweep

ROOT = Path(__file__).resolve().parents[2]
_BUILT = re.compile(r"^(?:\.\.\.|done|failed)\s+build (\S+:\S+)", re.MULTILINE)


@contextmanager
def snapshot_of_product() -> Iterator[Path]:
    """Give a copy of the project's files as they are now.

    Every mutant starts from it, so that work that goes on meanwhile changes none of them. What is
    made of them once for all, clips and wheels, is shared: each is kept by what it was made of.
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
        SETUP_FOLDER.mkdir(exist_ok=True)
        (folder / SETUP_FOLDER.name).symlink_to(SETUP_FOLDER)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def copy_of(snapshot: Path) -> Iterator[Path]:
    """Give a throw-away copy of the snapshot."""
    folder = Path(tempfile.mkdtemp(prefix="dubspec-mutant-"))
    try:
        shutil.copytree(
            snapshot, folder, symlinks=True, copy_function=_link_or_copy, dirs_exist_ok=True
        )
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def our_images() -> dict[str, str]:
    """Return the id of each of our images by its tag."""
    with closing(docker.from_env()) as client:
        images = client.images.list(filters={"label": LABEL})
        return {tag: str(image.id) for image in images for tag in image.tags}


def images_built(log: str) -> list[str]:
    """Return the tags that a run says it has built, in what it printed."""
    return list(dict.fromkeys(_BUILT.findall(log)))


def clear_away(built: list[str], sound: Mapping[str, str]) -> None:
    """Take away what a sabotaged run left, by our own sound sweep, and the images it built.

    ``sound`` are the images that were there before: they stay, and ``latest`` leads to them.
    """
    with closing(docker.from_env()) as client:
        sweep(client)
        for tag in built:
            if tag not in sound:
                _forget(client, tag)
        for tag, identity in sound.items():
            if tag.endswith(":latest"):
                _point(client, tag, identity)


def _forget(client: docker.DockerClient, tag: str) -> None:
    try:
        client.images.remove(tag)
    except ImageNotFound:  # newer versions have superseded it already
        return


def _point(client: docker.DockerClient, tag: str, identity: str) -> None:
    try:
        client.images.get(identity).tag(*tag.rsplit(":", 1))
    except ImageNotFound:  # superseded; the next sound run builds it anew
        return


def _link_or_copy(source: str, target: str) -> str:
    """Link where both lie on one file system, else copy."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copy2(source, target)
    return target
