"""H.264 as far as a server takes it apart: units and the decoder configuration.

Sources: ITU-T H.264, 7.3.1 and 7.4.1; ISO/IEC 14496-15, 5.3.3 for the configuration.
"""

import struct
from collections.abc import Iterator, Sequence
from enum import IntEnum


class UnitType(IntEnum):
    """The types of NAL units that are told apart here."""

    IDR_SLICE = 5
    SEQUENCE_PARAMETERS = 7
    PICTURE_PARAMETERS = 8
    DELIMITER = 9


def unit_type(unit: bytes) -> int:
    """Return the type of a NAL unit that is not empty."""
    return unit[0] & 0x1F


def parameter_sets(record: bytes) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return the sequence and the picture parameter sets of a decoder configuration record.

    Raises:
        ValueError: it is none, or ends early.
    """
    sequence_count, position = _byte(record, 5) & 0x1F, 6
    sequence_sets, position = _sets(record, position, sequence_count)
    picture_sets, _ = _sets(record, position + 1, _byte(record, position))
    return sequence_sets, picture_sets


def units(access_unit: bytes) -> Iterator[bytes]:
    """Split an access unit with lengths of four bytes into its units; empty ones are left out.

    Raises:
        ValueError: a unit is cut off.
    """
    position = 0
    while position < len(access_unit):
        if position + 4 > len(access_unit):
            raise ValueError("an access unit ends within a length")
        size = int.from_bytes(access_unit[position : position + 4], "big")
        position += 4
        if position + size > len(access_unit):
            raise ValueError("an access unit ends early")
        if size:
            yield access_unit[position : position + size]
        position += size


def join(access_unit: Sequence[bytes]) -> bytes:
    """Put units together, each with its length before it."""
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in access_unit)


def _sets(record: bytes, position: int, count: int) -> tuple[tuple[bytes, ...], int]:
    found = []
    for _ in range(count):
        size = _byte(record, position) << 8 | _byte(record, position + 1)
        position += 2
        if not size or position + size > len(record):
            raise ValueError("a parameter set is cut off")
        found.append(record[position : position + size])
        position += size
    return tuple(found), position


def _byte(data: bytes, position: int) -> int:
    if position >= len(data):
        raise ValueError("the decoder configuration ends early")
    return data[position]
