from __future__ import annotations

from pathlib import Path

import pytest

from environment.errors import ImageUnavailable
from environment.provision import images
from environment.provision.pins import Pin, read_pins
from environment.settings import REPO_ROOT

LOCKS = [
    source.requirements
    for source in (
        images.MEDIA_PACKAGES,
        images.STS_PACKAGES,
        images.MEDIA_SERVER_STAND_IN,
        images.WORKBENCH,
    )
    if source.requirements is not None
]


def written(folder: Path, text: str) -> Path:
    file = folder / "requirements.txt"
    file.write_text(text)
    return file


def test_comments_and_spellings_do_not_matter(tmp_path: Path) -> None:
    file = written(tmp_path, "# why\n\nPyYAML==6.0.3  # parsing\nPydantic_Core==2.50.4\n")
    assert read_pins(file).pins == (Pin("pyyaml", "6.0.3"), Pin("pydantic-core", "2.50.4"))


def test_a_wheel_is_known_by_its_name(tmp_path: Path) -> None:
    pins = read_pins(written(tmp_path, "torch==2.13.0+cpu\njaraco.functools==4.6.0\n"))
    wheels = [
        Path("torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"),
        Path("torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl"),
        Path("jaraco_functools-4.6.0-py3-none-any.whl"),
    ]
    assert pins.missing_from(wheels) == ()
    assert set(pins.chosen_from(wheels)) == {wheels[0], wheels[2]}
    assert pins.missing_from(wheels[1:2]) == pins.pins


@pytest.mark.parametrize("line", ["numpy", "numpy>=2", "-r other.txt", "numpy==2.*"])
def test_what_pip_would_choose_freely_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ImageUnavailable, match=r"requirements\.txt:1: .*name==version"):
        read_pins(written(tmp_path, line))


def test_only_the_build_for_the_cpu_is_ever_asked_for() -> None:
    pins = read_pins(REPO_ROOT / "services/sts-service/requirements.txt")
    versions = {pin.name: pin.version for pin in pins.pins}
    assert versions["torch"].endswith("+cpu")
    assert pins.extra_index is not None
    assert pins.extra_index.endswith("/cpu")
    assert not [name for name in versions if name.startswith(("nvidia", "triton", "cuda"))]


@pytest.mark.parametrize("lock", LOCKS, ids=str)
def test_the_images_and_the_host_have_the_same_versions(lock: Path) -> None:
    host = _pinned_on_the_host()
    for pin in read_pins(REPO_ROOT / lock).pins:
        assert host.get(pin.name, pin.version) == pin.version, f"{lock}: {pin.name}"


def test_no_two_images_have_different_versions_of_a_package() -> None:
    seen: dict[str, str] = {}
    for lock in LOCKS:
        for pin in read_pins(REPO_ROOT / lock).pins:
            assert seen.setdefault(pin.name, pin.version) == pin.version, f"{lock}: {pin.name}"


def _pinned_on_the_host() -> dict[str, str]:
    lines = (REPO_ROOT / "requirements.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return {
        name.partition("[")[0].lower().replace("_", "-"): version.split()[0]
        for name, version in pairs
    }
