from __future__ import annotations

from pathlib import Path

from environment.provision import part_sizes
from environment.provision.sizes import render


def test_every_file_belongs_to_one_part(tmp_path: Path) -> None:
    packages = "opt/venv/lib/python3.11/site-packages"
    for path, size in {
        "usr/bin/espeak-ng": 40,
        f"{packages}/torch/lib/libtorch_cpu.so": part_sizes.LARGE_BYTES,
        f"{packages}/torch/__pycache__/nn.pyc": 7,
        f"{packages}/six.py": 5,
        f"{packages}/yarl/_url.py": 6,
        "opt/models/pocket/whisper-en.pt": 30,
        "app/sts_service/__pycache__/app.pyc": 2,
        "opt/numba/x.nbc": 3,
    }.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * size)
    assert part_sizes.part_sizes(tmp_path) == {
        "package torch": part_sizes.LARGE_BYTES,
        "Debian and its programs": 40,
        "pocket models, unpacked": 30,
        "other Python packages": 11,
        "bytecode of what the service imports": 7,
        "Numba's cache": 3,
        "the service's own code": 2,
    }


def test_the_table_puts_the_largest_first() -> None:
    table = render(
        "dubspec/sts-service:1", 1_440_000_000, {"code": 1_000_000, "torch": 555_500_000}
    )
    assert table.splitlines() == [
        "dubspec/sts-service:1: 1440 MB",
        "    556 MB  torch",
        "      1 MB  code",
    ]
