"""The folder of all spools: whose folders are touched, and how many of the past are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from media_service.metrics import Metrics
from media_service.spool_names import CHECKPOINT, SOUND, segment_file
from media_service.spool_store import MAX_ASIDE, SpoolStore
from media_service.supervisor import stream_id_for
from tests.media_service.left import leave_checkpoint

FOREIGN = ("lost+found", "backup", "notes-2026", "corrupt-of-mine", "a-12345678x", "a-ABCDEF01")


@pytest.fixture
def store(segment_dir: Path) -> SpoolStore:
    segment_dir.mkdir(parents=True)
    return SpoolStore(segment_dir, Metrics())


def leave(root: Path, number: int, *, goes_on: bool = False) -> str:
    """Leave a stream of which one segment never went out."""
    name = f"stream-{number:08x}"
    at = float(number)
    leave_checkpoint(root, name, detected_at=at, written_at=at, goes_on=goes_on, state="failed")
    (root / name / segment_file(0, SOUND, start_samples=0)).write_bytes(bytes(400))
    return name


def names_in(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_folders_of_others_are_left_alone(store: SpoolStore, segment_dir: Path) -> None:
    for name in FOREIGN:
        (segment_dir / name).mkdir()
        (segment_dir / name / CHECKPOINT).write_bytes(b"theirs")
    for number in range(MAX_ASIDE + 5):
        (segment_dir / f"corrupt-{number}").mkdir()
    before = names_in(segment_dir)
    assert store.left() == []
    assert names_in(segment_dir) == before


def test_what_is_ours_and_cannot_be_used_is_put_aside_within_a_bound(
    store: SpoolStore, segment_dir: Path
) -> None:
    ours = stream_id_for("a b")
    (segment_dir / ours).mkdir()
    old = [f"corrupt-{1000 + number}.000-old-{number:08x}" for number in range(MAX_ASIDE)]
    for name in old:
        (segment_dir / name).mkdir()
    assert store.left() == []
    aside = names_in(segment_dir)
    assert aside[: MAX_ASIDE - 1] == old[1:]
    assert aside[-1].endswith(f"-{ours}")
    assert len(aside) == MAX_ASIDE
    store.left()
    assert names_in(segment_dir) == aside


def test_of_what_is_kept_the_oldest_goes_as_soon_as_one_is_added(
    store: SpoolStore, segment_dir: Path
) -> None:
    kept = [leave(segment_dir, number) for number in range(MAX_ASIDE + 2)]
    for name in kept:
        store.keep(name)
        store.keep(name)
    assert names_in(segment_dir) == kept[2:]


def test_what_an_earlier_process_has_kept_counts_as_well(
    store: SpoolStore, segment_dir: Path
) -> None:
    kept = [leave(segment_dir, number) for number in range(MAX_ASIDE + 1)]
    running = leave(segment_dir, 99, goes_on=True)
    assert len(store.left()) == MAX_ASIDE + 1
    assert names_in(segment_dir) == [*kept[1:], running]
    another = leave(segment_dir, 0x1000)
    store.keep(another)
    assert names_in(segment_dir) == [*kept[2:], running, another]


def test_a_stream_that_runs_again_is_not_among_the_kept(
    store: SpoolStore, segment_dir: Path
) -> None:
    again, *kept = [leave(segment_dir, number) for number in range(MAX_ASIDE + 1)]
    store.keep(again)
    assert store.prepare(again) is None
    for name in kept:
        store.keep(name)
    assert names_in(segment_dir) == [again, *kept]
