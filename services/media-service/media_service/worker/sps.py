"""The size of the picture, read from H.264's sequence parameter set: no picture has to be seen.

Source: ITU-T H.264, 7.3.2.1.1 and 7.4.2.1.1; the container's form of it is ISO/IEC 14496-15.
"""

from __future__ import annotations

_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_SPS_TYPE = 7
_AVCC_HEAD_BYTES = 8
"""Version, profile, level and counts, up to the length of the first parameter set."""


class _Bits:
    """Reads a parameter set bit by bit; raises ``ValueError`` at its end."""

    def __init__(self, payload: bytes) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in payload.replace(b"\0\0\3", b"\0\0"))
        self._at = 0

    def take(self, count: int) -> int:
        bits = self._bits[self._at : self._at + count]
        if len(bits) < count:
            raise ValueError("the parameter set ends early")
        self._at += count
        return int(bits, 2) if bits else 0

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


def picture_size(extradata: bytes | None) -> tuple[int, int]:
    """Return width and height in pixels, cropped, out of an avcC record; (0, 0) if it has none."""
    if not extradata or extradata[0] != 1 or len(extradata) <= _AVCC_HEAD_BYTES:
        return 0, 0
    length = int.from_bytes(extradata[6:8], "big")
    sps = extradata[_AVCC_HEAD_BYTES : _AVCC_HEAD_BYTES + length]
    if not sps or sps[0] & 0x1F != _SPS_TYPE:
        return 0, 0
    try:
        return _size(_Bits(sps[1:]))
    except ValueError:
        return 0, 0


def _size(bits: _Bits) -> tuple[int, int]:
    profile = bits.take(8)
    bits.take(16)  # constraints and level
    bits.golomb()  # the set's id
    chroma = _chroma_format(bits) if profile in _HIGH_PROFILES else 1
    bits.golomb()  # log2 of the largest frame number
    _skip_picture_order(bits)
    bits.golomb()  # reference frames
    bits.take(1)  # gaps in frame numbers
    width_blocks, height_units = bits.golomb() + 1, bits.golomb() + 1
    frames_only = bits.take(1)
    if not frames_only:
        bits.take(1)  # fields of one frame may be mixed
    bits.take(1)  # direct inference
    left = right = top = bottom = 0
    if bits.take(1):
        left, right, top, bottom = (bits.golomb() for _ in range(4))
    unit_x = 2 if chroma in {1, 2} else 1
    unit_y = (2 if chroma == 1 else 1) * (2 - frames_only)
    return (
        16 * width_blocks - unit_x * (left + right),
        16 * height_units * (2 - frames_only) - unit_y * (top + bottom),
    )


def _chroma_format(bits: _Bits) -> int:
    chroma = bits.golomb()
    if chroma == 3:
        bits.take(1)  # separate planes
    bits.golomb()  # luma depth
    bits.golomb()  # chroma depth
    bits.take(1)  # transform bypass
    if bits.take(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.take(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed_golomb()) % 256
        last = following or last


def _skip_picture_order(bits: _Bits) -> None:
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.take(1)
        bits.signed_golomb()
        bits.signed_golomb()
        for _ in range(bits.golomb()):
            bits.signed_golomb()
