"""H.264's parameter sets: what they say of the pictures, and the record that players get of them.

Sources: ITU-T H.264, 7.3.2.1.1, 7.3.2.2 and annex E; ISO/IEC 14496-15, 5.3.3.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from media_server.h264 import UnitType, unit_type

_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_PROFILE_WITHOUT_REORDERING = 66
_USUAL_REORDERING = 2
_MAX_REORDERING = 16
_SAR_GIVEN = 255
_SET_HEAD_BYTES = 4
_MAX_SET_BYTES = 4096
"""No set is as long: what a stranger makes longer is neither read to its end nor kept."""
_MAX_SEQUENCE_ID, _MAX_PICTURE_ID = 31, 255
_MAX_SEQUENCE_SETS, _MAX_PICTURE_SETS = 31, 255


@dataclass(frozen=True, slots=True)
class SequenceParameters:
    """What a sequence parameter set says.

    ``reordered`` is by how many pictures decoding and showing differ at most; ``frame_s`` the time
    of one picture, None where it is not said. ``chroma`` is the format's number, 1 for 4:2:0.
    """

    width: int
    height: int
    reordered: int
    frame_s: float | None
    chroma: int = 1
    luma_bits: int = 8
    chroma_bits: int = 8


def set_id(unit: bytes) -> int:
    """Return the number under which pictures refer to a parameter set.

    Raises:
        ValueError: the set ends early, is longer than any, or has a number that none can have.
    """
    bits = _Bits(unit[1:])
    is_sequence_set = unit_type(unit) == UnitType.SEQUENCE_PARAMETERS
    if is_sequence_set:
        bits.take(24)  # profile, constraints and level
    found = bits.golomb()
    if found > (_MAX_SEQUENCE_ID if is_sequence_set else _MAX_PICTURE_ID):
        raise ValueError(f"no parameter set has the number {found}")
    if len(unit) > _MAX_SET_BYTES:
        raise ValueError(f"a parameter set of {len(unit)} bytes")
    return found


def sequence_parameters(unit: bytes) -> SequenceParameters:
    """Read a sequence parameter set.

    Raises:
        ValueError: it is none, or ends early.
    """
    if not unit or unit_type(unit) != UnitType.SEQUENCE_PARAMETERS:
        raise ValueError("no sequence parameter set")
    return _read(_Bits(unit[1:]))


def configuration(sequence_sets: Sequence[bytes], picture_sets: Sequence[bytes]) -> bytes:
    """Return the decoder configuration record of these parameter sets, at least one of each kind.

    Raises:
        ValueError: the first sequence parameter set cannot be one, or they are too many.
    """
    parameters = sequence_parameters(sequence_sets[0])
    if len(sequence_sets) > _MAX_SEQUENCE_SETS or len(picture_sets) > _MAX_PICTURE_SETS:
        raise ValueError("too many parameter sets")
    depths = (parameters.luma_bits - 8, parameters.chroma_bits - 8)
    formats = bytes([0xFC | parameters.chroma, *(0xF8 | depth for depth in depths), 0])
    return b"".join(
        (
            b"\x01" + sequence_sets[0][1:_SET_HEAD_BYTES] + b"\xff",
            bytes([0xE0 | len(sequence_sets)]),
            *(struct.pack(">H", len(unit)) + unit for unit in sequence_sets),
            bytes([len(picture_sets)]),
            *(struct.pack(">H", len(unit)) + unit for unit in picture_sets),
            formats if sequence_sets[0][1] in _HIGH_PROFILES else b"",
        )
    )


class _Bits:
    """Reads a parameter set bit by bit; raises ``ValueError`` at its end."""

    def __init__(self, payload: bytes) -> None:
        payload = payload[:_MAX_SET_BYTES].replace(b"\0\0\x03", b"\0\0")
        self._value = int.from_bytes(payload, "big")
        self._left = 8 * len(payload)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError("the parameter set ends early")
        return self._value >> self._left & ((1 << count) - 1)

    def golomb(self) -> int:
        """Read an unsigned Exp-Golomb code (9.1)."""
        zeros = 0
        while self.take(1) == 0:
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed_golomb(self) -> int:
        """Read a signed Exp-Golomb code (9.1.1)."""
        code = self.golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def _read(bits: _Bits) -> SequenceParameters:
    profile = bits.take(8)
    bits.take(16)  # constraints and level
    bits.golomb()  # the set's id
    chroma, *depths = _chroma_format(bits) if profile in _HIGH_PROFILES else (1, 8, 8)
    bits.golomb()  # log2 of the largest frame number
    shown_as_decoded = _picture_order(bits)
    bits.golomb()  # reference frames
    bits.take(1)  # gaps in frame numbers
    columns, rows = bits.golomb() + 1, bits.golomb() + 1
    frames_only = bits.take(1)
    if not frames_only:
        bits.take(1)  # fields of one frame may be mixed
    bits.take(1)  # direct inference
    left = right = top = bottom = 0
    if bits.take(1):
        left, right, top, bottom = (bits.golomb() for _ in range(4))
    reordered, frame_s = _usability(bits) if bits.take(1) else (None, None)
    if reordered is None:
        reordered = 0 if profile == _PROFILE_WITHOUT_REORDERING else _USUAL_REORDERING
    unit_x = 2 if chroma in {1, 2} else 1
    unit_y = (2 if chroma == 1 else 1) * (2 - frames_only)
    return SequenceParameters(
        width=16 * columns - unit_x * (left + right),
        height=16 * rows * (2 - frames_only) - unit_y * (top + bottom),
        reordered=0 if shown_as_decoded else min(reordered, _MAX_REORDERING),
        frame_s=frame_s,
        chroma=chroma,
        luma_bits=depths[0],
        chroma_bits=depths[1],
    )


def _chroma_format(bits: _Bits) -> tuple[int, int, int]:
    """Return the format's number and the bits of a sample of luma and chroma."""
    chroma = bits.golomb()
    if chroma == 3:
        bits.take(1)  # separate planes
    luma_bits, chroma_bits = bits.golomb() + 8, bits.golomb() + 8
    if chroma > 3 or max(luma_bits, chroma_bits) > 14:
        raise ValueError("no such format of samples")
    bits.take(1)  # transform bypass
    if bits.take(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.take(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma, luma_bits, chroma_bits


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed_golomb()) % 256
        last = following or last


def _picture_order(bits: _Bits) -> bool:
    """Skip how pictures are ordered; return whether they are shown in the order of decoding."""
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.take(1)
        bits.signed_golomb()
        bits.signed_golomb()
        for _ in range(bits.golomb()):
            bits.signed_golomb()
    return kind == 2


def _usability(bits: _Bits) -> tuple[int | None, float | None]:
    """Read annex E: by how many pictures they are reordered, and how long each is shown."""
    if bits.take(1) and bits.take(8) == _SAR_GIVEN:
        bits.take(32)
    if bits.take(1):
        bits.take(1)  # overscan
    if bits.take(1):
        bits.take(4)  # video format and range
        if bits.take(1):
            bits.take(24)  # colours
    if bits.take(1):
        bits.golomb(), bits.golomb()  # where chroma is sampled
    frame_s = None
    if bits.take(1):
        ticks, per_second = bits.take(32), bits.take(32)
        bits.take(1)
        frame_s = 2 * ticks / per_second if ticks and per_second else None
    has_buffers = [_skip_buffer(bits) for _ in range(2) if bits.take(1)]
    if has_buffers:
        bits.take(1)  # low delay
    bits.take(1)  # structure of the pictures
    if not bits.take(1):
        return None, frame_s
    bits.take(1)
    for _ in range(4):
        bits.golomb()
    return bits.golomb(), frame_s


def _skip_buffer(bits: _Bits) -> bool:
    count = bits.golomb() + 1
    bits.take(8)
    for _ in range(min(count, 32)):
        bits.golomb(), bits.golomb()
        bits.take(1)
    bits.take(20)
    return True
